"""What all rules have in common (name, hyperparameters with defaults, text), and the table in which they are found.

Scalar rules (rules/contract.py) and direction rules (kernels/directions/contract.py) share one table of names, `RULES`.
"""

import inspect
import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, ClassVar, Literal

import numpy as np

from gdbench.errors import UsageError, nearest
from gdbench.kernels.problem import SPLITS
from gdbench.kernels.rules import hyperparameters
from gdbench.kernels.rules.hyperparameters import Hyperparameter

_OURS = "gdbench.kernels."
Needs = Literal["elements", "objective"]
ELEMENTS: Needs = "elements"  # a parameter and its gradient alone
OBJECTIVE: Needs = "objective"  # the whole loss function
# Other columns of a table of trials, which no hyperparameter may be named after.
RESERVED = {
    *("run", "trial", "key", "code", "problem", "rule", "schedule", "batch_size", "seed", "role", "dtype", "backend"),
    *("status", "steps", "epochs", "seconds", "steps_to_target", "digest", "setting", "error"),
    *("clip_norm", "clip_value", "parameters", "gradient_evaluations", "function_evaluations"),
    *("crossings", "diverged_step", "crossing_seconds"),
    *(f"{split}_{kind}" for split in SPLITS for kind in ("loss", "accuracy", "mse")),
    *("value", "t", "inner"),
}


@dataclass(eq=False)
class Written:
    """A rule or test function, written as Python functions: its docstring, its text and its dependencies."""

    name: str
    function: Callable[..., object]
    source: str | None = field(default=None, kw_only=True)  # hash of its source; "" for the kernels', None if unknown

    @property
    def ours(self) -> bool:
        """Whether it is compiled from the kernels' source alone, and no plug-in's."""
        return self.source == ""

    def functions(self) -> list[Callable[..., object]]:
        """The Python functions that define it."""
        return [self.function]

    @property
    def doc(self) -> str:
        """Its docstring: source, formula, defaults."""
        return inspect.getdoc(self.function) or ""

    @property
    def text(self) -> str:
        """The source of its functions; their bytecode if there is no source."""
        return "\n\n".join(_text(function) for function in self.functions())

    @property
    def fingerprint(self) -> str:
        """Identifies what it computes: its source hash or text, and the values that it uses from outside."""
        outside = [_outside(function) for function in self.functions()]
        return f"{self.source or self.text}|{outside!r}"


def _text(function: Callable[..., object]) -> str:
    """A function's source; its bytecode if there is none."""
    try:
        return inspect.getsource(function)
    except OSError:
        return repr(_bytecode(function.__code__))


def _bytecode(code: CodeType) -> tuple[Any, ...]:
    """What a code object computes: its instructions, and the names and constants that they use."""
    constants = [_bytecode(value) if isinstance(value, CodeType) else value for value in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, constants


def _outside(function: Callable[..., object], depth: int = 3) -> list[tuple[str, str]]:
    """Names and values that a function uses from outside: numbers, arrays, and the text of helper functions."""
    variables = inspect.getclosurevars(function)
    found = []
    for name, value in sorted({**variables.globals, **variables.nonlocals}.items()):
        helper = getattr(value, "py_func", value)
        if isinstance(value, int | float | str | tuple):
            found.append((name, repr(value)))
        elif isinstance(value, np.ndarray):
            found.append((name, value.tobytes().hex()))
        elif inspect.isfunction(helper) and not str(helper.__module__).startswith(_OURS) and depth > 0:
            found.append((name, f"{_text(helper)}|{_outside(helper, depth - 1)!r}"))
    return found


@dataclass(eq=False)
class BaseRule(Written):
    """A rule of either contract: its function and its hyperparameters with their defaults, lr first.

    slots: names of the state that it keeps for each parameter. dense: whether it uses the Hessian's matrix.
    """

    needs: ClassVar[Needs]  # one of the above
    defaults: dict[str, float | bool]
    slots: tuple[str, ...] = field(default=(), kw_only=True)
    dense: bool = field(default=False, kw_only=True)

    def compile(self, dtype: str) -> None:
        """Compile what the rule will need, or load it from the cache: nothing, unless a rule says otherwise.

        Raises UsageError if that fails.
        """

    def parts(self) -> "list[BaseRule]":
        """This rule, and the rules that it wraps."""
        return [self]

    def with_defaults(self, given: Mapping[str, object]) -> dict[str, float | bool]:
        """The defaults, overridden by `given`; raises UsageError for an unknown name or a value out of range."""
        for name in given:
            if name not in self.defaults:
                raise UsageError(f"rule {self.name!r} has no hyperparameter {name!r}{nearest(name, self.defaults)}")
        return {
            name: self.hyperparameter(name).check(name, given.get(name, default))
            for name, default in self.defaults.items()
        }

    def hyperparameter(self, name: str) -> Hyperparameter:
        """The meaning and range of one of its hyperparameters."""
        return hyperparameters.of_rule(name, self.defaults[name], self.ours)


RULES: dict[str, BaseRule] = {}
WRAPPERS: dict[str, Callable[[BaseRule], BaseRule]] = {}  # by name: builds a rule around another one


def find(name: object, inner: object = None) -> BaseRule:
    """The rule of that name; `find("lookahead", "sgd")` and `find("lookahead(sgd)")` are the same wrapped rule.

    Raises UsageError, with the nearest name where there is one, for a rule that is unknown or cannot be wrapped.
    """
    if inner is not None:
        if name not in list(WRAPPERS):
            raise UsageError(f"rule {name!r} has no inner rule; only {', '.join(WRAPPERS)} has one")
        name = f"{name}({inner})"
    if isinstance(name, str):
        if name in RULES:
            return RULES[name]
        wrapper, _, wrapped = name.partition("(")
        if wrapper in WRAPPERS and wrapped.endswith(")"):
            return WRAPPERS[wrapper](find(wrapped[:-1]))
    raise UsageError(f"unknown rule {name!r}{nearest(name, RULES)}")


def checked_defaults(
    name: str, defaults: Mapping[str, float | bool], function: Callable[..., object], others: Iterable[str] = ()
) -> dict[str, float | bool]:
    """The checked hyperparameters of the rule that `function` defines, lr first; others: further names that it uses.

    Raises UsageError for an invalid default or name.
    """
    if "lr" not in defaults:
        raise UsageError(f"rule {name!r} needs a default for lr, such as lr=1e-3")
    ordered = {"lr": defaults["lr"], **defaults}
    check_names(f"rule {name!r}", (*ordered, *others))
    ours = source_of(function) == ""
    return {key: hyperparameters.of_rule(key, value, ours).check(key, value) for key, value in ordered.items()}


def chosen_name(kind: str, name: str | None, function: Callable[..., object], taken: Iterable[str]) -> str:
    """The name given, or the function's with '-' for '_'; raises UsageError for one that is ill-formed or taken."""
    chosen = name or function.__name__.replace("_", "-")
    if not re.fullmatch("[a-z][a-z0-9-]*", chosen):
        raise UsageError(f"{kind} {chosen!r} must have a name of small letters, digits and '-', such as 'my-{kind}'")
    if chosen in taken:
        raise UsageError(f"{kind} {chosen!r} is registered already; give yours another name")
    return chosen


def check_parameters(what: str, function: Callable[..., object], *expected: str) -> None:
    """Raise UsageError unless the function takes exactly these parameters."""
    given = list(inspect.signature(function).parameters)
    if given != list(expected):
        raise UsageError(f"{what} must take ({', '.join(expected)}), not ({', '.join(given)})")


def check_names(what: str, names: tuple[str, ...]) -> None:
    """Raise UsageError unless the names are distinct and can name a rule's coefficients and a run's columns."""
    for key in names:
        if not key.isidentifier() or keyword.iskeyword(key) or key.startswith("_") or key in RESERVED:
            raise UsageError(f"{what}: {key!r} cannot name a coefficient; choose another name")
        if names.count(key) > 1:
            raise UsageError(f"{what} has two coefficients called {key!r}; rename one")


def source_of(function: Callable[..., object]) -> str | None:
    """The `Written.source` of a function: empty for ours, None (unknown, so never cached) for others."""
    return "" if str(function.__module__).startswith(_OURS) else None
