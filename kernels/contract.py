"""The contract of an update rule: one scalar function, compiled into the loop over the parameters.

    @rule(slots=("v",), lr=1e-3, momentum=0.9)
    def momentum(p, g, v, c):
        \"\"\"Paper, formula, defaults.\"\"\"
        v = c.momentum * v + g
        return p - c.lr * v, v

`p` is one parameter, `g` its gradient, then one value per state slot (zero to four, zero at the start), and `c` holds
this step's coefficients by name: `c.lr` (after the schedule) and every hyperparameter. The function returns the new
parameter and the new slots. It runs in the parameters' dtype and must not use numbers of its own that are not
coefficients: a bare 0.9 is a float64. What depends on the step is computed once a step, in float64, by a second
function, and is named where it is declared:

    @adam.coefficients("step", "root")
    def _(t, lr, beta1, beta2, eps):              # t = 1, 2, ...
        return lr / (1.0 - power(beta1, t)), math.sqrt(1.0 - power(beta2, t))
"""

import inspect
import itertools
import keyword
import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numba import literal_unroll
from numba.core import types
from numba.core.errors import NumbaError

from gdbench.errors import UsageError, nearest
from gdbench.kernels import hyperparameters
from gdbench.kernels.intrinsics import fixed_tuple
from gdbench.kernels.jit import inlined, kernel

MAX_SLOTS = 4
_OURS = "gdbench.kernels."
# What trials have beside hyperparameters: names that would clash in their table.
RESERVED = {
    *("run", "trial", "key", "code", "problem", "rule", "schedule", "batch_size", "seed", "role", "dtype", "backend"),
    *("status", "steps", "epochs", "seconds", "steps_to_target", "digest", "setting", "error"),
    *("clip_norm", "clip_value"),
    *(f"{split}_{kind}" for split in ("train", "val", "test") for kind in ("loss", "accuracy", "mse")),
    *("value", "t", "inner"),
}


@dataclass(eq=False)
class Rule:
    """An update rule: its scalar function, state slots, hyperparameters with defaults, and coefficients."""

    name: str
    scalar: Callable[..., Any]
    slots: tuple[str, ...]
    defaults: dict[str, float | bool]
    source: str | None = None  # hash of what it is compiled from, beside the kernels; None: unknown, so never cached
    derived: tuple[str, ...] = ()
    derive: Callable[..., Any] | None = None
    _updates: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def doc(self) -> str:
        """The rule's docstring: paper, formula, defaults."""
        return inspect.getdoc(self.scalar) or ""

    @property
    def text(self) -> str:
        """The source of the scalar function and of its coefficients; their bytecode where there is no source."""
        functions = [self.scalar] if self.derive is None else [self.scalar, self.derive]
        try:
            return "\n\n".join(inspect.getsource(function) for function in functions)
        except OSError:
            return repr([function.__code__.co_code for function in functions])

    @property
    def fingerprint(self) -> str:
        """What the rule computes: its text and the numbers that it takes from outside itself."""
        functions = [self.scalar] if self.derive is None else [self.scalar, self.derive]
        outside: dict[str, Any] = {}
        for function in functions:
            variables = inspect.getclosurevars(function)
            outside |= {**variables.globals, **variables.nonlocals}
        numbers = {name: value for name, value in sorted(outside.items()) if isinstance(value, int | float | tuple)}
        return f"{self.source or self.text}|{numbers!r}"

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """The names in `c`, in the order of a table's columns."""
        return (*self.defaults, *self.derived)

    def coefficients(self, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare coefficients that are derived from the step and the hyperparameters, in the order returned."""

        if not names or not all(isinstance(name, str) for name in names):
            raise UsageError(f'write @{self.name}.coefficients("name", ...) with the names of what it returns')

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            expected = ["t", *self.defaults]
            given = list(inspect.signature(function).parameters)
            if given != expected:
                raise UsageError(
                    f"coefficients of rule {self.name!r} must take ({', '.join(expected)}), not ({', '.join(given)})"
                )
            _check_names(self.name, (*self.coefficient_names, *names))
            self.derived, self.derive = names, inlined(function)
            return function

        return declare

    def settings(self, given: Mapping[str, object]) -> dict[str, float | bool]:
        """The defaults with `given` laid over them; raises UsageError for an unknown name or a value out of range."""
        for name in given:
            if name not in self.defaults:
                raise UsageError(f"rule {self.name!r} has no hyperparameter {name!r}{nearest(name, self.defaults)}")
        return {name: hyperparameters.check(name, given.get(name, default)) for name, default in self.defaults.items()}

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

    def table(self, settings: Mapping[str, float | bool], first: int, lrs: np.ndarray, dtype: str) -> np.ndarray:
        """Coefficients of steps first, first + 1, ... (1 is the first): one row a step, a column a name, in `dtype`.

        Raises UsageError when the coefficients cannot be compiled.
        """
        out = np.empty((lrs.size, len(self.coefficient_names)))
        others = np.array([float(settings[name]) for name in self.defaults if name != "lr"])
        try:
            self.table_kernel(first, lrs, others, out)
        except NumbaError as error:
            raise _explained(self, error) from None
        except ValueError:  # from _store
            names = ", ".join(self.derived)
            raise UsageError(f"rule {self.name!r}: its coefficients must return one value each for {names}") from None
        return out.astype(dtype)

    def update(self, dtype: str) -> Any:
        """The compiled `update(p, g, state, c)`: one step over flat arrays; state is (slots, n), c one table row.

        Raises UsageError, with the line, when the rule cannot be compiled.
        """
        if dtype not in self._updates:
            try:
                self._updates[dtype] = _compile_update(self, dtype)
            except NumbaError as error:
                raise _explained(self, error) from None
        return self._updates[dtype]


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
    return types.void(t[::1], t[::1], t[:, ::1], t[::1])


def _compile_update(rule: Rule, dtype: str) -> Any:
    """The loop over the parameters for the rule's number of slots, written out for each."""
    scalar, width = inlined(rule.scalar), len(rule.coefficient_names)
    coefficients = namedtuple("coefficients", rule.coefficient_names)  # type: ignore[misc]

    def update0(p, g, state, row):
        c = coefficients(*fixed_tuple(row, width))
        for i in range(p.size):
            p[i] = scalar(p[i], g[i], c)

    def update1(p, g, state, row):
        c = coefficients(*fixed_tuple(row, width))
        a = state[0]
        for i in range(p.size):
            p[i], a[i] = scalar(p[i], g[i], a[i], c)

    def update2(p, g, state, row):
        c = coefficients(*fixed_tuple(row, width))
        a, b = state[0], state[1]
        for i in range(p.size):
            p[i], a[i], b[i] = scalar(p[i], g[i], a[i], b[i], c)

    def update3(p, g, state, row):
        c = coefficients(*fixed_tuple(row, width))
        a, b, d = state[0], state[1], state[2]
        for i in range(p.size):
            p[i], a[i], b[i], d[i] = scalar(p[i], g[i], a[i], b[i], d[i], c)

    def update4(p, g, state, row):
        c = coefficients(*fixed_tuple(row, width))
        a, b, d, e = state[0], state[1], state[2], state[3]
        for i in range(p.size):
            p[i], a[i], b[i], d[i], e[i] = scalar(p[i], g[i], a[i], b[i], d[i], e[i], c)

    loop = (update0, update1, update2, update3, update4)[len(rule.slots)]
    return kernel(loop, signature=update_type(dtype), variant=f"{rule.name}-{dtype}", source=rule.source)


RULES: dict[str, Rule] = {}
WRAPPERS: dict[str, Callable[[Rule], Rule]] = {}  # by name: what makes a rule out of another, on demand


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
        chosen = name or function.__name__.replace("_", "-")
        if not re.fullmatch("[a-z][a-z0-9-]*", chosen):
            raise UsageError(f"rule {chosen!r} must have a name of small letters, digits and '-', such as 'my-rule'")
        if chosen in RULES:
            raise UsageError(f"rule {chosen!r} is registered already; give yours another name")
        if "lr" not in defaults:
            raise UsageError(f"rule {chosen!r} needs a default for lr, such as lr=1e-3")
        if len(slots) > MAX_SLOTS:
            raise UsageError(f"rule {chosen!r} has {len(slots)} slots; at most {MAX_SLOTS} are supported")
        expected = ["p", "g", *slots, "c"]
        given = list(inspect.signature(function).parameters)
        if given != expected:
            raise UsageError(f"rule {chosen!r} must take ({', '.join(expected)}), not ({', '.join(given)})")
        ordered = {"lr": defaults["lr"], **defaults}
        _check_names(chosen, (*ordered, *slots))
        checked = {key: hyperparameters.check(key, value) for key, value in ordered.items()}
        source = "" if function.__module__.startswith(_OURS) else None
        RULES[chosen] = Rule(chosen, function, tuple(slots), checked, source)
        return RULES[chosen]

    return register


def find(name: object, inner: object = None) -> Rule:
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


def _explained(rule: Rule, error: NumbaError) -> UsageError:
    """Numba's complaint about a rule in one sentence, with the line of the rule's file.

    Numba nests its messages: the innermost failure, the last in the text, is about the user's own line.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    inner = max((i for i, line in enumerate(lines) if "Failed in nopython mode" in line), default=-1) + 1
    if "literal_unroll" in str(error):
        names = ", ".join(rule.derived)
        return UsageError(f"rule {rule.name!r}: its coefficients must return a tuple with one number each for {names}")
    reason = " ".join(
        itertools.takewhile(lambda line: not line.startswith(("There ", "File ", "During")), lines[inner:])
    )
    places = [line for line in lines if line.startswith('File "') and "contract.py" not in line]
    code = rule.scalar.__code__
    place = (
        places[0].removeprefix("File ").rstrip(":") if places else f'"{code.co_filename}", line {code.co_firstlineno}'
    )
    return UsageError(f"rule {rule.name!r} cannot be compiled by Numba, at {place}: {reason}")


def _check_names(name: str, names: tuple[str, ...]) -> None:
    for key in names:
        if not key.isidentifier() or keyword.iskeyword(key) or key.startswith("_") or key in RESERVED:
            raise UsageError(f"rule {name!r}: {key!r} cannot name a coefficient; choose another name")
        if names.count(key) > 1:
            raise UsageError(f"rule {name!r} has two coefficients called {key!r}; rename one")
