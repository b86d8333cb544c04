"""The keys and values of a suite, as pydantic models. Every axis becomes a list of checked values."""

import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from gdbench.data.scaling import SCALES
from gdbench.errors import nearest, shown
from gdbench.inputs import limits
from gdbench.kernels.networks.activations import ACTIVATIONS
from gdbench.kernels.networks.initial import INITS
from gdbench.kernels.networks.losses import LOSSES
from gdbench.kernels.rules import schedules
from gdbench.results.metrics import TARGETS, rises
from gdbench.suites.counting import axis_size
from gdbench.suites.grid import check_axis, expand
from gdbench.suites.trials import TUNE_SEED

POINTS = 40  # of a trial that are evaluated, unless the suite says otherwise
LABEL = 80  # characters of a problem's or a rule's label


def label_of(name: str) -> str:
    """The label nearest to a name: cut, and `_` for what cannot be drawn and printed. A label stays as it is.

    Joiners inside emoji and words, as in Persian and Hindi, are drawn, although Python does not call them printable.
    """

    def fits(before: str, char: str) -> bool:
        return char != "$" and (char.isprintable() or (char in "\u200c\u200d" and before > "\x7f"))

    kept = "".join(char if fits(before, char) else "_" for before, char in pairwise(f" {name}"))[:LABEL]
    return kept if kept.strip() else "_"


def _one_of(names: Sequence[str]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in names:
            raise ValueError(f"is not known{nearest(value, names)}")
        return value

    return check


def _listed(value: Any) -> list[Any]:
    """An axis of values that are tables: a list (or {values = [...]}) is the axis, anything else is one value."""
    if isinstance(value, dict) and set(value) == {"values"}:
        value = value["values"]
    return check_axis(value if isinstance(value, list) else [value])


def _widths(value: Any) -> list[Any]:
    """`hidden`: [32, 16] is one network, [[32], [64, 64]] an axis of two; 32 is short for [32]."""
    if isinstance(value, dict):
        return [item if isinstance(item, list) else [item] for item in expand(value)]
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
        return check_axis(value)
    return [value if isinstance(value, list) else [value]]


def _batch_size(value: Any) -> int | str:
    if value == "full" or (type(value) is int and 1 <= value <= limits.STEPS):
        return value  # type: ignore[no-any-return]
    raise ValueError('must be a whole number, 1 or more, or "full"')


def _dataset(value: Any) -> str | dict[str, Any]:
    if isinstance(value, str | dict):
        return value
    raise ValueError('must be a name, a path, or a table such as {name = "teacher", samples = 1000}')


def _starts(value: Any) -> list[Any]:
    """`start`: [1, 2] is one point, [[1, 2], [3, 4]] an axis of two; 1 is short for [1]."""
    if isinstance(value, dict):
        return [[item] if type(item) in (int, float) else item for item in expand(value)]
    if isinstance(value, list) and value and all(isinstance(item, list | str) for item in value):
        return check_axis(value)
    return [[value] if type(value) in (int, float) else value]


def _start(value: Any) -> Any:
    point = (
        isinstance(value, list) and value and all(type(x) in (int, float) and abs(x) <= limits.MAGNITUDE for x in value)
    )
    if value is None or value == "random" or point:
        return value
    raise ValueError(
        f'must be a list of numbers up to {limits.MAGNITUDE:.0e}, or "random" for a point of the domain that the '
        "seed draws"
    )


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


_Fraction = Annotated[float, Field(ge=0, lt=1)]
_Count = Annotated[int, Field(ge=1, le=limits.STEPS)]
_Seeds = Annotated[int, Field(le=TUNE_SEED)]  # more would run into the tuning seeds
_Bound = Annotated[float, Field(ge=0, le=limits.MAGNITUDE)]
_Axis = BeforeValidator(expand)
_Activation = Annotated[str, AfterValidator(_one_of(tuple(ACTIVATIONS)))]
_Loss = Annotated[str, AfterValidator(_one_of(tuple(LOSSES)))]
_Init = Annotated[str, AfterValidator(_one_of(INITS))]
_Scale = Annotated[str, AfterValidator(_one_of(SCALES))]
_Shuffle = Annotated[str, AfterValidator(_one_of(("epoch", "once")))]
_Dtype = Annotated[str, AfterValidator(_one_of(("float32", "float64")))]
_BatchSizes = Annotated[list[Annotated[Any, AfterValidator(_batch_size)]], _Axis]


def _known_kind(value: Any) -> Any:
    return _one_of(tuple(PROBLEMS))(value)


class ProblemModel(_Model):
    """`[problem.NAME]` of any kind."""

    kind: str

    def axes(self) -> dict[str, list[Any]]:
        """The values of every key but kind."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}


class SampledModel(ProblemModel):
    """`[problem.NAME]` of a problem with batches of samples. batch_size: empty to use the suite's."""

    batch_size: _BatchSizes = Field([])

    def axes(self) -> dict[str, list[Any]]:
        """The values of every key but kind and batch_size, which does not make another problem."""
        return {name: values for name, values in super().axes().items() if name != "batch_size"}


class MLPModel(SampledModel):
    """`[problem.NAME]` with kind = "mlp"."""

    kind: Annotated[Literal["mlp"], BeforeValidator(_known_kind)]
    dataset: Annotated[list[Annotated[Any, AfterValidator(_dataset)]], BeforeValidator(_listed)]
    hidden: Annotated[list[list[_Count]], BeforeValidator(_widths)] = Field([[32]])
    activation: Annotated[list[_Activation], _Axis] = Field(["relu"])
    loss: Annotated[list[_Loss | None], _Axis] = Field([None])
    init: Annotated[list[_Init | None], _Axis] = Field([None])
    l2: Annotated[list[_Bound], _Axis] = Field([0.0])
    scale: Annotated[list[_Scale], _Axis] = Field(["standard"])
    validation_fraction: Annotated[list[_Fraction], _Axis] = Field([0.15])
    test_fraction: Annotated[list[_Fraction], _Axis] = Field([0.15])
    shuffle: Annotated[list[_Shuffle], _Axis] = Field(["epoch"])
    drop_last: Annotated[list[bool], _Axis] = Field([False])
    subset: Annotated[list[_Count | None], _Axis] = Field([None])


class FunctionModel(ProblemModel):
    """`[problem.NAME]` with kind = "function"; keys that are not listed here are options of the function."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    kind: Literal["function"]
    function: Annotated[list[str], _Axis]
    start: Annotated[list[Annotated[Any, AfterValidator(_start)]], BeforeValidator(_starts)] = Field([None])
    noise: Annotated[list[_Bound], _Axis] = Field([0.0])

    @model_validator(mode="after")
    def _options(self) -> "FunctionModel":
        extra = self.__pydantic_extra__ or {}
        for name, value in extra.items():
            try:
                extra[name] = expand(value)
            except ValueError as error:
                raise ValueError(f"{shown(name)[1:-1]} = {shown(value)} {error}") from None
        return self

    def axes(self) -> dict[str, list[Any]]:
        """The values of every key but kind, options among them."""
        return {**super().axes(), **(self.__pydantic_extra__ or {})}


class QuadraticModel(SampledModel):
    """`[problem.NAME]` with kind = "quadratic"; by default the problem of DeepOBS."""

    kind: Literal["quadratic"]
    dimensions: Annotated[list[Annotated[int, Field(ge=2, le=2000)]], _Axis] = Field([100])
    samples: Annotated[list[Annotated[int, Field(ge=1, le=10**6)]], _Axis] = Field([1000])
    test_samples: Annotated[list[Annotated[int, Field(ge=1, le=10**6)]], _Axis] = Field([896])
    noise: Annotated[list[_Bound], _Axis] = Field([0.6])
    start: Annotated[list[Annotated[float, Field(ge=-limits.MAGNITUDE, le=limits.MAGNITUDE)]], _Axis] = Field([1.0])
    seed: Annotated[list[Annotated[int, Field(ge=0, lt=2**32 - 1)]], _Axis] = Field([42])
    shuffle: Annotated[list[_Shuffle], _Axis] = Field(["once"])
    drop_last: Annotated[list[bool], _Axis] = Field([True])


PROBLEMS: dict[str, type[ProblemModel]] = {"mlp": MLPModel, "function": FunctionModel, "quadratic": QuadraticModel}


def kind_of(table: Any) -> str:
    """The kind whose model checks a problem's table: mlp if it is missing or unknown."""
    kind = table.get("kind") if isinstance(table, dict) else getattr(table, "kind", None)
    return kind if isinstance(kind, str) and kind in PROBLEMS else "mlp"


_Problem = Annotated[
    Annotated[MLPModel, Tag("mlp")]
    | Annotated[FunctionModel, Tag("function")]
    | Annotated[QuadraticModel, Tag("quadratic")],
    Discriminator(kind_of),
]


class Budget(_Model):
    """When a trial stops; exactly one of these."""

    epochs: _Count | None = None
    steps: _Count | None = None
    gradient_evaluations: _Count | None = None
    function_evaluations: _Count | None = None

    @model_validator(mode="after")
    def _one(self) -> "Budget":
        if len(self.model_dump(exclude_none=True)) != 1:
            known = ", ".join(type(self).model_fields)
            raise ValueError(f"must name exactly one of {known}, such as {{epochs = 30}}")
        return self


def _train(value: Any) -> Any:
    if value == "all" or (type(value) is int and value >= 1):
        return value
    raise ValueError('must be "all" or a whole number of training samples, 1 or more')


class Evaluate(_Model):
    """When a trial is evaluated, and over what.

    At `points` spread over it and at every epoch's end (40 by default), or `every` so many steps. train: over so many
    training samples, or "all"; by default as many as validate (`Suite`). gradient: with the norm of the whole training
    split's gradient.
    """

    points: Annotated[int, Field(ge=2, le=limits.POINTS)] | None = None
    every: _Count | None = None
    train: Annotated[int | str | None, BeforeValidator(_train)] = None
    gradient: bool = False

    @model_validator(mode="after")
    def _one(self) -> "Evaluate":
        if self.points is not None and self.every is not None:
            raise ValueError("must name points or every and not both, such as {points = 40}")
        return self

    def when(self) -> dict[str, int]:
        """`points` or `every`, whichever is given."""
        return {"points": self.points or POINTS} if self.every is None else {"every": self.every}


def _target(value: Any) -> Any:
    """One metric with one level or a ladder of levels, the easiest first."""
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("must name exactly one metric, such as {val_accuracy = 0.95}")
    ((metric, levels),) = value.items()
    _one_of(TARGETS)(metric)
    if axis_size(levels) > limits.LEVELS:
        raise ValueError(f"has {axis_size(levels):,} levels; at most {limits.LEVELS:,} are allowed")
    levels = expand(levels)
    if metric != "value" and any(type(v) in (int, float) and v <= 0 for v in levels):
        raise ValueError("has a level that is not above 0; nothing can reach it")
    outside = [v for v in levels if rises(metric) and type(v) in (int, float) and not 0 < v <= 1]
    if outside:
        raise ValueError(f"has an accuracy of {outside[0]}; an accuracy is a share, above 0 and at most 1")
    return {
        metric: sorted(levels, reverse=not rises(metric)) if all(type(v) in (int, float) for v in levels) else levels
    }


class SuiteModel(_Model):
    """A whole suite file."""

    title: str = ""
    description: str = ""
    seeds: Annotated[_Seeds, Field(ge=1)] = 5
    tune_seeds: Annotated[_Seeds, Field(ge=0)] | None = None
    batch_size: _BatchSizes = Field([32])
    schedule: Annotated[
        list[Annotated[dict[str, Any], BeforeValidator(schedules.with_defaults)]],
        BeforeValidator(_listed),
        AfterValidator(check_axis),
    ] = Field(["constant"], validate_default=True)
    dtype: Annotated[list[_Dtype], _Axis] = Field(["float32"])
    clip_norm: Annotated[list[_Bound], _Axis] = Field([0.0])
    clip_value: Annotated[list[_Bound], _Axis] = Field([0.0])
    budget: Budget = Field(Budget(epochs=30))
    target: Annotated[dict[str, list[float]], BeforeValidator(_target)] | None = None
    stop_at_target: bool = False
    evaluate: Evaluate = Field(Evaluate())
    problem: dict[str, _Problem] = Field(min_length=1)
    rule: dict[str, dict[str, Any]] = Field(min_length=1)

    @field_validator("problem", "rule", mode="before")
    @classmethod
    def _labels(cls, tables: Any) -> Any:
        """Labels are drawn and printed, so they are printable. A dollar sign would begin a formula."""
        seen: dict[str, str] = {}
        for label in tables if isinstance(tables, dict) else ():
            if not isinstance(label, str) or label != label_of(label):
                raise ValueError(f"has the label {shown(label)}; use up to {LABEL} printable characters without $")
            alike = seen.setdefault(unicodedata.normalize("NFC", label), label)
            if alike != label:
                raise ValueError(f"has two labels that look like {shown(label)}; give them different ones")
        return tables

    @model_validator(mode="after")
    def _stop(self) -> "SuiteModel":
        if self.stop_at_target and not self.target:
            raise ValueError("stop_at_target = true needs a target, such as {val_accuracy = 0.95}")
        return self

    @model_validator(mode="after")
    def _looks(self) -> "SuiteModel":
        self.check_looks(1)
        return self

    def total_steps(self, per_epoch: int) -> int:
        """The most steps that the budget allows. per_epoch: steps in an epoch."""
        ((name, count),) = self.budget.model_dump(exclude_none=True).items()
        return int(count) * (per_epoch if name == "epochs" else 1)

    def check_looks(self, per_epoch: int) -> None:
        """Raise ValueError if trials would be evaluated too often. per_epoch: steps in an epoch."""
        total, every = self.total_steps(per_epoch), self.evaluate.every
        looks = total // every + 2 if every else 0
        if looks > limits.LOOKS:
            raise ValueError(
                f"evaluate.every = {every:,} means {looks:,} looks at a trial of {total:,} steps; at most "
                f"{limits.LOOKS:,} are allowed, so look less often"
            )
