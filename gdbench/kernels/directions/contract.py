"""The contract of a direction rule: the objective and a point in, the next point out.

    @direction(lr=1.0)
    def newton(objective, x, c, memory):
        \"\"\"Paper, formula, defaults.\"\"\"
        return x - c.lr * solved(objective.hessian(x), objective.gradient(x))

A rule that needs more than one parameter and its gradient (Newton's method, line searches, L-BFGS) is written this way,
in Python around compiled kernels. `objective` (directions/objective.py) has `value`, `gradient`, `hessian` and
`product` of what this step minimises, and counts their calls. `c` holds the hyperparameters by name, `c.lr` after the
schedule. `memory` is a dict that lasts as long as the trial. The function returns the next point as a new array, or
None when it can go no further: the trial is then `stalled`. Sums over the parameters use arithmetic/linear.py, whose
order is fixed. Elementwise NumPy is safe, since it sums nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gdbench.errors import UsageError
from gdbench.kernels.rules.registry import (
    OBJECTIVE,
    RULES,
    BaseRule,
    check_parameters,
    checked_defaults,
    chosen_name,
    source_of,
)


@dataclass(eq=False)
class Direction(BaseRule):
    """A rule that sees the whole objective."""

    needs = OBJECTIVE


def direction(
    name: str | None = None, *, dense: bool = False, **defaults: float | bool
) -> Callable[[Callable[..., Any]], Direction]:
    """Register the decorated function as a direction rule.

    name: what users write; by default the function's name with '-' for '_'.
    dense: whether it uses the Hessian's matrix, so that large problems are refused before they begin.
    defaults: the hyperparameters; `lr` is required and comes first.
    Raises UsageError for a name already taken, a wrong signature or a default out of range.
    """
    if callable(name):
        raise UsageError(f"write @direction(lr=...) above {name.__name__}: a rule needs a default for lr")

    def register(function: Callable[..., Any]) -> Direction:
        function = getattr(function, "py_func", function)
        chosen = chosen_name("rule", name, function, RULES)
        check_parameters(f"rule {chosen!r}", function, "objective", "x", "c", "memory")
        checked = checked_defaults(chosen, defaults, function)
        made = Direction(chosen, function, checked, dense=dense, source=source_of(function))
        RULES[chosen] = made
        return made

    return register
