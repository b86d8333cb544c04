"""The contract of an update rule: one scalar function, compiled into the loop over the parameters.

    @rule(slots=("v",), lr=1e-3, momentum=0.9)
    def momentum(p, g, v, c):
        \"\"\"Paper, formula, defaults.\"\"\"
        v = c.momentum * v + g
        return p - c.lr * v, v

`p` is one parameter and `g` its gradient. One value per state slot follows: at most four, zero before the first step.
`c` holds this step's coefficients by name: `c.lr` (after the schedule) and every hyperparameter. The function returns
the new parameter and the new slots. It runs in the parameters' dtype, so its constants must be coefficients: a bare 0.9
is a float64. A second function computes what depends on the step, once per step and in float64. Its decorator names the
results:

    @adam.coefficients("step", "root")
    def _(t, lr, beta1, beta2, eps):              # t = 1, 2, ...
        return lr / one_minus_power(beta1, t), math.sqrt(one_minus_power(beta2, t))
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard

import numba
import numpy as np
from numba import literal_unroll
from numba.core import types
from numba.core.errors import NumbaError

from gdbench.errors import UsageError
from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic.intrinsics import fixed_tuple, vector
from gdbench.kernels.compile.complaints import explained
from gdbench.kernels.compile.jit import inlined, kernel
from gdbench.kernels.problem import Update
from gdbench.kernels.rules.registry import (
    ELEMENTS,
    RULES,
    BaseRule,
    check_names,
    check_parameters,
    checked_defaults,
    chosen_name,
    find,
    source_of,
)

MAX_SLOTS = 4


@dataclass(eq=False)
class Rule(BaseRule):
    """A rule that is one scalar function of a parameter, its gradient, its slots and the step's coefficients."""

    needs = ELEMENTS
    derived: tuple[str, ...] = field(default=(), kw_only=True)
    derive: Callable[..., Any] | None = field(default=None, kw_only=True)
    _updates: dict[str, Update] = field(default_factory=dict, init=False, repr=False)

    def functions(self) -> list[Callable[..., Any]]:
        """The scalar function, and the function of derived coefficients if there is one."""
        return [self.function] if self.derive is None else [self.function, self.derive]

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """The names in `c`, in the order of a table's columns."""
        return (*self.defaults, *self.derived)

    def coefficients(self, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare coefficients that are derived from the step and the hyperparameters, in the order returned.

        Raises UsageError for a name that is taken or a wrong signature.
        """

        if not names or not all(isinstance(name, str) for name in names):
            raise UsageError(f'write @{self.name}.coefficients("name", ...) with the names of what it returns')

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            check_parameters(f"coefficients of rule {self.name!r}", function, "t", *self.defaults)
            check_names(f"rule {self.name!r}", (*self.coefficient_names, *names))
            self.derived, self.derive = names, inlined(function)
            return function

        return declare

    @cached_property
    def table_kernel(self) -> Any:
        """`fill(first, lrs, others, out)`: coefficients of steps first, first + 1, ... as rows of out, in float64."""
        derive: Any = self.derive
        fixed, rest = len(self.defaults), len(self.defaults) - 1

        def plain(first, lrs, others, out):
            for i in range(lrs.size):
                out[i, 0] = lrs[i]
                for j in range(1, fixed):
                    out[i, j] = others[j - 1]

        def derived(first, lrs, others, out):
            for i in range(lrs.size):
                out[i, 0] = lrs[i]
                for j in range(1, fixed):
                    out[i, j] = others[j - 1]
                _store(derive(first + i, lrs[i], *fixed_tuple(others, rest)), out[i, fixed:])

        return kernel(plain if derive is None else derived, variant=self.name, source=self.source)

    def table(self, hyperparameters: Mapping[str, float | bool], first: int, lrs: np.ndarray, dtype: str) -> np.ndarray:
        """The coefficients of steps first, first + 1, ... (from 1 on), in `dtype`: a row per step, a column per name.

        lrs: the steps' learning rates, float64. Raises UsageError when the coefficients cannot be compiled.
        """
        out = np.empty((lrs.size, len(self.coefficient_names)))
        others = np.array([float(hyperparameters[name]) for name in self.defaults if name != "lr"])
        try:
            self.table_kernel(first, lrs, others, out)
        except NumbaError as error:
            raise self._explained(error) from None
        except ValueError:  # from _store
            names = ", ".join(self.derived)
            raise UsageError(f"rule {self.name!r}: its coefficients must return one value each for {names}") from None
        with np.errstate(over="ignore"):  # a rate beyond float32 becomes infinite; the trial shows its effect
            return out.astype(dtype)

    def state(self, size: int, dtype: str) -> np.ndarray:
        """The slots of `size` parameters before the first step: zeros, a row per slot, each row at a cache line."""
        return arrays.zeros((len(self.slots), arrays.padded(size, dtype)), dtype)

    def update(self, dtype: str) -> Update:
        """The compiled `update(p, g, state, c, first)`: one step of the parameters first, first + 1, ...

        p and g are vectors of the parameters to be updated, state is that of all parameters (`state`), c is one row of
        the table. Raises UsageError, with the line, when the rule cannot be compiled.
        """
        if dtype not in self._updates:
            try:
                self._updates[dtype] = _compile_update(self, dtype)
            except NumbaError as error:
                raise self._explained(error) from None
        return self._updates[dtype]

    def compile(self, dtype: str) -> None:
        """Compile the update and the coefficients, or load them from the cache."""
        self.update(dtype)
        self.table(self.defaults, 1, np.ones(1), dtype)

    def _explained(self, error: NumbaError) -> UsageError:
        if "literal_unroll" in str(error):
            names = ", ".join(self.derived)
            return UsageError(
                f"rule {self.name!r}: its coefficients must return a tuple with one number each for {names}"
            )
        return explained(f"rule {self.name!r}", self.function, error, "contract.py")


def is_scalar(rule: BaseRule) -> TypeGuard[Rule]:
    """Whether a rule needs only a parameter and its gradient."""
    return rule.needs == ELEMENTS


def scalar_rules() -> list[Rule]:
    """All registered scalar rules."""
    return [rule for rule in RULES.values() if is_scalar(rule)]


def find_scalar(name: object) -> Rule:
    """The scalar rule of that name; raises UsageError for an unknown rule and for one that needs more."""
    found = find(name)
    if not is_scalar(found):
        raise UsageError(f"rule {found.name!r} sees more than a gradient; choose another, such as adam")
    return found


@inlined
def _store(values, out):
    """Write a tuple of numbers, integers among them, to a float64 vector of that size."""
    if len(values) != out.size:
        raise ValueError("wrong number of coefficients")
    i = 0
    for value in literal_unroll(values):
        out[i] = value
        i += 1  # noqa: SIM113 (Numba unrolls no enumerate)


def update_type(dtype: str) -> Any:
    """The Numba signature that every rule's update has for `dtype`."""
    t = numba.from_dtype(np.dtype(dtype))
    return types.void(t[::1], t[::1], t[:, ::1], t[::1], types.int64)


def update_loop(rule: Rule, function: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """`Rule.update`, not compiled: the loop over the parameters, written out for each number of slots.

    function: replaces the rule's own.
    """
    scalar, width = inlined(function or rule.function), len(rule.coefficient_names)
    coefficients = namedtuple("coefficients", rule.coefficient_names)  # type: ignore[misc]

    def update0(p, g, state, row, first):
        c = coefficients(*fixed_tuple(row, width))
        for i in range(p.size):
            p[i] = scalar(p[i], g[i], c)

    def update1(p, g, state, row, first):
        c = coefficients(*fixed_tuple(row, width))
        n = p.size
        a = vector(state, first, n)
        for i in range(n):
            p[i], a[i] = scalar(p[i], g[i], a[i], c)

    def update2(p, g, state, row, first):
        c = coefficients(*fixed_tuple(row, width))
        n, size = p.size, state.shape[1]
        a, b = vector(state, first, n), vector(state, first + size, n)
        for i in range(n):
            p[i], a[i], b[i] = scalar(p[i], g[i], a[i], b[i], c)

    def update3(p, g, state, row, first):
        c = coefficients(*fixed_tuple(row, width))
        n, size = p.size, state.shape[1]
        a, b, d = vector(state, first, n), vector(state, first + size, n), vector(state, first + 2 * size, n)
        for i in range(n):
            p[i], a[i], b[i], d[i] = scalar(p[i], g[i], a[i], b[i], d[i], c)

    def update4(p, g, state, row, first):
        c = coefficients(*fixed_tuple(row, width))
        n, size = p.size, state.shape[1]
        a, b = vector(state, first, n), vector(state, first + size, n)
        d, e = vector(state, first + 2 * size, n), vector(state, first + 3 * size, n)
        for i in range(n):
            p[i], a[i], b[i], d[i], e[i] = scalar(p[i], g[i], a[i], b[i], d[i], e[i], c)

    return (update0, update1, update2, update3, update4)[len(rule.slots)]


def _compile_update(rule: Rule, dtype: str) -> Update:
    return kernel(
        update_loop(rule),
        signature=update_type(dtype),
        variant=f"{rule.name}-{dtype}",
        source=rule.source,
        allocates=not rule.ours,
    )


def rule(
    name: str | None = None, *, slots: tuple[str, ...] = (), **defaults: float | bool
) -> Callable[[Callable[..., Any]], Rule]:
    """Register the decorated scalar function as an update rule.

    name: what users write; by default the function's name with '-' for '_'.
    slots: names of the state arrays, zero to four, all zero at the start.
    defaults: the hyperparameters; `lr` is required and comes first.
    Raises UsageError for a name already taken, a wrong signature or a default out of range.
    """

    if callable(name):
        raise UsageError(f"write @rule(lr=...) above {name.__name__}: a rule needs a default for lr")
    if not isinstance(slots, tuple | list) or not all(isinstance(slot, str) for slot in slots):
        raise UsageError(f'slots = {slots!r} must be a tuple of names, such as ("v",)')

    def register(function: Callable[..., Any]) -> Rule:
        function = getattr(function, "py_func", function)  # its author compiled it; we use our flags
        chosen = chosen_name("rule", name, function, RULES)
        if len(slots) > MAX_SLOTS:
            raise UsageError(f"rule {chosen!r} has {len(slots)} slots; at most {MAX_SLOTS} are supported")
        check_parameters(f"rule {chosen!r}", function, "p", "g", *slots, "c")
        checked = checked_defaults(chosen, defaults, function, slots)
        made = Rule(chosen, function, checked, slots=tuple(slots), source=source_of(function))
        RULES[chosen] = made
        return made

    return register
