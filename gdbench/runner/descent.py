"""One descent over a function, for `gdbench.minimize`, the lessons and the checks.

descent = minimize("rosenbrock", [-1.2, 1.0], "adam", lr=0.05, steps=500)
descent.x, descent.path, descent.status
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from gdbench.errors import UsageError, shown
from gdbench.inputs import limits
from gdbench.kernels.directions.stepper import DirectionStepper, begin
from gdbench.kernels.functions.callables import Compiled, compiled
from gdbench.kernels.functions.contract import MAX_DIMENSION, Function
from gdbench.kernels.functions.contract import find as find_function
from gdbench.kernels.functions.problem import FunctionProblem, FunctionTraining
from gdbench.kernels.loop.sampling import check_seed
from gdbench.kernels.problem import Training
from gdbench.kernels.rules import schedules
from gdbench.kernels.rules.registry import find as find_rule
from gdbench.kernels.rules.stepper import ScalarStepper

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 10_000  # steps a call


@dataclass(frozen=True, eq=False)
class Descent:
    """The result of `minimize`.

    x: the last point. path: one row per recorded step, the start first: step, x0, x1, ..., value, grad_norm, lr.
    status: `exhausted` (all steps taken), `diverged` (a value was not finite) or `stalled` (no step led further).
    gradient_evaluations, function_evaluations: how many the rule asked for; recording the path is not counted.
    """

    x: np.ndarray
    path: "pd.DataFrame"
    status: str
    gradient_evaluations: int
    function_evaluations: int
    title: str
    problem: FunctionProblem
    known: Function | None

    def __repr__(self) -> str:
        last = self.path.iloc[-1]
        return f"Descent({self.title}: {self.status} at step {last['step']:.0f}, value {last['value']:.6g})"


def minimize(
    function: str | tuple[str, Mapping[str, Any]] | Callable[..., float],
    x0: Any,
    rule: str = "sgd",
    *,
    grad: Callable[..., Any] | None = None,
    hess: Callable[..., Any] | None = None,
    steps: int,
    lr: float | None = None,
    schedule: str | Mapping[str, Any] = "constant",
    bounds: tuple[Any, Any] | None = None,
    seed: int = 0,
    dtype: str = "float64",
    every: int = 1,
    **hyperparameters: Any,
) -> Descent:
    """Take `steps` steps of a rule from x0.

    function: a shipped function's name, (name, {option: value}), or a callable f(x) -> float that Numba can compile.
        The option `noise` adds normal noise of that standard deviation to every element of every gradient.
    grad: grad(x, t, out) writes the gradient of step t = 1, 2, ...; hess(x, t, out) the Hessian. grad(x, out) and
        hess(x, out) will do. Without them shipped functions use their own, callables central differences.
    lr: the rule's default when None. hyperparameters: the rule's others by name; `inner` for lookahead.
    bounds: (low, high), numbers or a vector each; the point is clipped to them after each step.
    seed: of the noise. every: the path has a row every so many steps.
    grad_norm in the path is the norm of the gradient without noise. A gradient that depends on t is taken at the step
    that led to the point; at the start, at step 1.
    Raises UsageError, whose message is one sentence, if an argument is wrong.
    """
    start = _vector("x0", x0)
    if not np.isfinite(start).all():
        raise UsageError(f"x0 = {shown(x0)} must be finite")
    for name, count in (("steps", steps), ("every", every)):
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 1 <= count <= limits.STEPS:
            raise UsageError(f"{name} = {shown(count)} must be a whole number from 1 to {limits.STEPS:,}")
    _check_path(start.size, int(steps), int(every))
    dtype = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))  # numpy.float64 will do
    if dtype not in ("float32", "float64"):
        raise UsageError(f"dtype = {shown(dtype)} must be 'float32' or 'float64'")
    if np.abs(start).max() > np.finfo(dtype).max:
        raise UsageError(f"x0 = {shown(x0)} holds more than {dtype} can; use smaller numbers, or dtype = 'float64'")
    known, title, parts, options, noise = _function(function, grad, hess, start)
    problem = FunctionProblem(
        parts,
        size=start.size,
        start=start,
        options=options,
        noise=noise,
        bounds=None if bounds is None else _bounds(bounds, start.size),
        timed=any(_takes_step(part) for part in (grad, hess)),
        explodes=False,
        dtype=dtype,
    )
    inner = hyperparameters.pop("inner", None)
    for name in (rule, inner):
        limits.check_name("rule", name)
    chosen = find_rule(rule, inner)
    given = dict(hyperparameters) if lr is None else {"lr": lr, **hyperparameters}
    values = chosen.with_defaults({name: _plain(value) for name, value in given.items()})
    if isinstance(schedule, Mapping):
        schedule = {name: _plain(value) for name, value in schedule.items()}
    timetable = schedules.with_defaults(schedule)
    training = problem.begin(seed=check_seed(seed))

    def rates(first: int, count: int) -> np.ndarray:
        return schedules.learning_rates(timetable, values["lr"], first, count, int(steps))

    stepper = begin(chosen, values, training, rates)
    if isinstance(stepper, ScalarStepper):
        rows, status = _scalar_path(stepper, training, int(steps), int(every))
    else:
        rows, status = _direction_path(stepper, int(steps), int(every))
    return Descent(
        x=training.theta.copy(),
        path=_frame(rows, rates),
        status=status,
        gradient_evaluations=stepper.gradient_evaluations,
        function_evaluations=stepper.function_evaluations,
        title=f"{chosen.name} on {title}",
        problem=problem,
        known=known,
    )


def _check_path(size: int, steps: int, every: int) -> None:
    """Raise UsageError if the start has too many numbers or the path too many rows."""
    if size > MAX_DIMENSION:
        raise UsageError(f"x0 has {size:,} numbers; at most {MAX_DIMENSION:,} are allowed")
    rows = -(-steps // every) + 1
    numbers = rows * (size + 4)
    if rows > limits.LOOKS + 1 or numbers > limits.PATH_NUMBERS:
        raise UsageError(
            f"steps = {steps:,} with every = {every:,} makes a path of {rows:,} rows and {numbers:,} numbers; at most "
            f"{limits.LOOKS:,} rows and {limits.PATH_NUMBERS:,} numbers are kept, so record fewer of its steps"
        )


def _row(training: Training) -> np.ndarray:
    return np.array([training.steps, *training.theta, *training.evaluate()])


def _scalar_path(stepper: ScalarStepper, training: FunctionTraining, steps: int, every: int) -> tuple[np.ndarray, str]:
    """Take the steps; returns the rows [step, x ..., value, grad_norm], float64, and the status."""
    parts = [_row(training)[None]]
    if not math.isfinite(parts[0][0, -2]):
        return parts[0], "diverged"
    # Rows are counted from a chunk's start, so its length is a multiple of `every`; 0 if `every` is more than CHUNK.
    chunk = CHUNK - CHUNK % every
    while training.steps < steps:
        before = training.steps
        count = min(chunk or min(CHUNK, every - before % every), steps - before)
        recorded = bool(chunk) or (before + count) % every == 0 or before + count == steps
        path = np.empty((-(-count // every) if recorded else 0, training.problem.size + 2))
        stepper.advance(count, by=partial(training.advance, every=every, path=path))
        taken = training.steps - before
        lost = taken < count or not np.isfinite(training.theta).all()
        if recorded:
            rows = path[: -(-taken // every)]
            numbers = before + np.minimum(every * np.arange(1, len(rows) + 1), taken)
            parts.append(np.column_stack([numbers, rows]))
            lost = lost or not math.isfinite(rows[-1, -2])
        elif lost:
            parts.append(_row(training)[None])
        if lost:
            return np.vstack(parts), "diverged"
    return np.vstack(parts), "exhausted"


def _direction_path(stepper: DirectionStepper, steps: int, every: int) -> tuple[np.ndarray, str]:
    """Like `_scalar_path`, for direction rules; a stalled rule stays at its point."""
    training = stepper.training
    rows = [_row(training)]
    resting = None  # the row of a stalled rule, which is repeated with the later steps' numbers
    for step in range(1, steps + 1):
        if not stepper.stalled:
            stepper.advance(1)
        diverged = not np.isfinite(training.theta).all()
        if diverged or step % every == 0 or step == steps:
            rows.append(_row(training) if resting is None else resting.copy())
            rows[-1][0] = step
            resting = rows[-1] if stepper.stalled else None
            diverged = diverged or not math.isfinite(rows[-1][-2])
        if diverged:
            return np.array(rows), "diverged"
    return np.array(rows), "stalled" if stepper.stalled else "exhausted"


def _frame(rows: np.ndarray, rates: Callable[[int, int], np.ndarray]) -> "pd.DataFrame":
    import pandas as pd  # which importing gdbench must not load

    numbers = rows[:, 0].astype(np.int64)
    lrs = np.full(len(numbers), math.nan)
    for first in range(1, int(numbers[-1]) + 1, CHUNK):
        here = (numbers >= first) & (numbers < first + CHUNK)
        if here.any():
            lrs[here] = rates(first, min(CHUNK, int(numbers[-1]) - first + 1))[numbers[here] - first]
    columns = [*(f"x{i}" for i in range(rows.shape[1] - 3)), "value", "grad_norm"]
    frame = pd.DataFrame(rows[:, 1:], columns=columns)
    frame.insert(0, "step", numbers)
    return frame.assign(lr=lrs)


def _vector(name: str, given: Any) -> np.ndarray:
    try:
        vector = np.atleast_1d(np.array(given, np.float64))
    except (TypeError, ValueError):
        vector = np.zeros(0)
    if vector.ndim != 1 or vector.size == 0 or np.isnan(vector).any():
        raise UsageError(f"{name} = {shown(given)} must be a number or a list of numbers")
    return vector


def _bounds(given: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(given, Sequence | np.ndarray) or len(given) != 2:
        raise UsageError(f"bounds = {shown(given)} must be a pair (low, high)")
    low, high = (_vector("bounds", bound) for bound in given)
    if {low.size, high.size} - {1, size} or not (low <= high).all():
        raise UsageError(
            f"bounds = {shown(given)} must be numbers, or one for each of the {size} parameters, low <= high"
        )
    return np.resize(low, size), np.resize(high, size)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _function(
    function: Any, grad: Any, hess: Any, start: np.ndarray
) -> tuple[Function | None, str, Compiled, tuple[float, ...], float]:
    """The shipped function (None for a callable), its title, its compiled parts, its options and its noise."""
    for name, part in (("grad", grad), ("hess", hess)):
        if part is not None and not _plain_function(part):
            raise UsageError(f"{name} = {shown(part)} must be a function, {name}(x, t, out)")
        _check_that_it_writes(name, part, start)
    if callable(function) and not isinstance(function, Function):
        if not _plain_function(function):
            raise UsageError(
                f"function {shown(function)} must be a plain Python function f(x), which Numba can compile"
            )
        title = getattr(function, "__name__", "f").replace("<lambda>", "f")
        return None, title, _compile(function, grad, hess), (), 0.0
    size = start.size
    options: dict[str, Any] = {}
    if isinstance(function, tuple | list):
        if len(function) != 2 or not isinstance(function[1], Mapping):
            raise UsageError(f"function {shown(function)} must be a name, (name, {{option: value}}) or a function")
        function, options = function[0], {name: _plain(value) for name, value in function[1].items()}
    known = function if isinstance(function, Function) else find_function(function)
    noise = options.pop("noise", 0.0)
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 <= noise < math.inf:
        raise UsageError(f"noise = {shown(noise)} must be a number, 0 or more")
    values = known.with_defaults({"dimension": size, **options} if known.least is not None else options)
    if values["dimension"] != size:
        raise UsageError(f"x0 has {size} numbers; function {known.name!r} has {values['dimension']} parameters")
    parts = known.compiled
    if grad is not None or hess is not None:
        own = _compile(_nothing, grad, hess)
        gradient = own.gradient if grad else parts.gradient
        parts = Compiled(parts.value, gradient, (own if hess else parts).compile_hessian, own.source)
    return known, known.name, parts, tuple(values[name] for name in known.options), float(noise)


def _check_that_it_writes(name: str, part: Any, start: np.ndarray) -> None:
    """Raise UsageError if a derivative returns its result instead of writing it; a descent would never see that."""
    if part is None:
        return
    written = getattr(part, "py_func", part)
    size, count = start.size, len(inspect.signature(written).parameters)
    out = np.zeros(size if name == "grad" else (size, size))
    try:
        returned = written(start.copy(), *([1] if count == 3 else []), out)
    except Exception:  # the compiler explains better what is wrong with it
        return
    if returned is not None:
        raise UsageError(f"{name} returns a value; it must write it: {name}(x, t, out) with out[:] = ...")


def _plain_function(part: Any) -> bool:
    """Whether it was written with def or lambda; Numba may have compiled it already."""
    return isinstance(getattr(part, "py_func", part), FunctionType)


def _nothing(x: Any) -> float:
    """The value of a callable of which only derivatives are used."""
    return 0.0


def _compile(function: Any, grad: Any, hess: Any) -> Compiled:
    """Compile the user's functions, once for as long as they and the values that they take from outside are equal."""
    derivative_forms = {2: "xo", 3: "xto"}
    takes = (
        _takes("function", function, {1: "x"}),
        _takes("grad", grad, derivative_forms),
        _takes("hess", hess, derivative_forms),
    )
    state = tuple(_outside(part) for part in (function, grad, hess))
    cached = _compiled if None not in state else _compiled.__wrapped__  # compiled every time if not comparable
    return cached(function, grad, hess, takes, state)


@lru_cache(maxsize=32)
def _compiled(function: Any, grad: Any, hess: Any, takes: tuple[str, str, str], state: tuple[Any, ...]) -> Compiled:
    return compiled(f"function {getattr(function, '__name__', 'f')!r}", function, grad, hess, takes)


def _takes(name: str, function: Any, forms: Mapping[int, str]) -> str:
    """Which parameters a function takes, as gdbench.kernels.functions.callables spells them.

    forms: spellings by the number of parameters. Raises UsageError for another number.
    """
    if function is None:
        return ""
    count = len(inspect.signature(getattr(function, "py_func", function)).parameters)
    if count not in forms:
        spellings = {"x": "f(x)", "xo": f"{name}(x, out)", "xto": f"{name}(x, t, out)"}
        wanted = " or ".join(spellings[form] for form in forms.values())
        raise UsageError(f"{name} takes {count} parameters; write {wanted}")
    return forms[count]


def _takes_step(function: Any) -> bool:
    return function is not None and len(inspect.signature(getattr(function, "py_func", function)).parameters) == 3


def _outside(function: Any) -> str | None:
    """The globals and closure values of a function, which Numba freezes; None if they cannot be compared."""
    if function is None:
        return ""
    variables = inspect.getclosurevars(getattr(function, "py_func", function))
    values = {**variables.globals, **variables.nonlocals}
    values = {name: value for name, value in values.items() if value is not math and value is not np}
    if not all(isinstance(value, int | float | str) for value in values.values()):
        return None
    return repr(sorted(values.items()))
