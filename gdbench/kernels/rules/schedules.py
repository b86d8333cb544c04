"""How the learning rate depends on the step: lr(t) for t = 1, 2, ..., T, in float64.

    schedule = with_defaults({"kind": "cosine", "warmup": 10})
    lrs = learning_rates(schedule, lr=0.1, first=1, count=100, total=5000)

A schedule multiplies lr by a factor and by min(1, t / warmup); `MEANINGS` gives lr times the factor. T is the budget in
steps. The factor at step t is that of PyTorch's schedulers (StepLR, ExponentialLR, CosineAnnealingLR with T_max = T,
and OneCycleLR with cosine annealing, without momentum cycling) after t - 1 calls of their step().

cosine     Loshchilov, Hutter, "SGDR" (2017): half a cosine from lr to `final`, a learning rate, PyTorch's eta_min
one-cycle  Smith, Topin, "Super-convergence" (2019): half a cosine from factor lr up to lr at step rise T, then half a
           cosine down to drop factor lr at step T; PyTorch's div_factor is 1 / factor, its final_div_factor 1 / drop,
           its pct_start `rise`, and the defaults are its own
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gdbench.errors import UsageError, nearest
from gdbench.kernels.arithmetic.elementary import power
from gdbench.kernels.arithmetic.trigonometry import cos, sin
from gdbench.kernels.compile.jit import inlined, kernel

CONSTANT, STEP, EXPONENTIAL, INVERSE, INVERSE_SQRT, COSINE, ONE_CYCLE = range(7)
_KINDS = {
    "constant": CONSTANT,
    "step": STEP,
    "exponential": EXPONENTIAL,
    "inverse": INVERSE,
    "inverse-sqrt": INVERSE_SQRT,
    "cosine": COSINE,
    "one-cycle": ONE_CYCLE,
}
# The options of each kind with their defaults; `warmup` comes last. A thousand steps make lr a tenth by step, a half by
# inverse and 1 / e by exponential.
SCHEDULES: dict[str, dict[str, float]] = {
    "constant": {"warmup": 0},
    "step": {"every": 1000, "factor": 0.1, "warmup": 0},
    "exponential": {"gamma": 0.999, "warmup": 0},
    "inverse": {"decay": 0.001, "warmup": 0},
    "inverse-sqrt": {"warmup": 0},
    "cosine": {"final": 0.0, "warmup": 0},
    "one-cycle": {"rise": 0.3, "factor": 0.04, "drop": 1e-4, "warmup": 0},
}
MEANINGS = {
    "constant": "lr, at every step",
    "step": "lr factor^floor((t - 1) / every)",
    "exponential": "lr gamma^(t - 1)",
    "inverse": "lr / (1 + decay (t - 1))",
    "inverse-sqrt": "lr / sqrt(t)",
    "cosine": "half a cosine from lr to final over the budget",
    "one-cycle": "half a cosine from factor lr to lr over the share rise of the budget, another to drop factor lr",
}
END = 2.0**-7  # digits cancel within this share of the end; before it at most 1e-12 of the result is lost
# The least and the greatest value of each option, whether it is a whole number, and its range in words.
_COUNT = 2**62
OPTIONS: dict[str, tuple[float, float, bool, str]] = {
    "warmup": (0, _COUNT, True, "a whole number of steps, 0 or more"),
    "every": (1, _COUNT, True, "a whole number of steps, 1 or more"),
    "factor": (math.ulp(0.0), math.inf, False, "a finite number greater than 0"),
    "gamma": (math.ulp(0.0), math.inf, False, "a finite number greater than 0"),
    "decay": (0.0, math.inf, False, "a finite number, 0 or more"),
    "final": (0.0, math.inf, False, "a finite learning rate, 0 or more"),
    "drop": (0.0, math.inf, False, "a finite number, 0 or more"),
    "rise": (0.0, 1.0, False, "a share of the budget from 0 to 1"),
}


@inlined
def _half_cosine(start, end, gone, left, whole):
    """Half a cosine from start (gone = 0) to end (left = 0); whole = gone + left.

    1 -+ the cosine cancels near the end, and near the start if that is much smaller. There the squared sine of half the
    angle replaces it.
    """
    if left < END * whole:
        root = sin(0.5 * math.pi * (left / whole))
        return end + (start - end) * (root * root)
    if gone < END * whole and start < END * end:
        root = sin(0.5 * math.pi * (gone / whole))
        return start + (end - start) * (root * root)
    return end + (start - end) / 2.0 * (1.0 + cos(math.pi * (gone / whole)))


@inlined
def _one_cycle(t, total, rise, factor, drop):
    """The factor of lr at step t. PyTorch counts steps from 0, and its peak may lie between two of them."""
    top = rise * total - 1.0
    if t - 1 <= top:
        return _half_cosine(factor, 1.0, t - 1.0, top - (t - 1), top) if top > 0.0 else 1.0
    return _half_cosine(1.0, drop * factor, t - 1 - top, float(total - t), total - 1 - top)


@inlined
def _share(kind, options, lr, t, total):
    """lr(t) / lr without warm-up; options in the order of `SCHEDULES`."""
    if kind == STEP:
        return power(options[1], (t - 1) // np.int64(options[0]))
    if kind == EXPONENTIAL:
        return power(options[0], t - 1)
    if kind == INVERSE:
        return 1.0 / (1.0 + options[0] * (t - 1))
    if kind == INVERSE_SQRT:
        return 1.0 / math.sqrt(t)
    if kind == COSINE:
        return _half_cosine(1.0, options[0] / lr, t - 1.0, total - (t - 1.0), float(total))
    if kind == ONE_CYCLE:
        return _one_cycle(t, total, options[0], options[1], options[2])
    return 1.0


@kernel
def _fill(kind, options, lr, steps, total, out):
    warmup = options[-1]
    for i in range(out.size):
        t = steps[i]
        rate = lr * _share(kind, options, lr, t, total)
        out[i] = rate * (t / warmup) if t < warmup else rate


def with_defaults(given: str | Mapping[str, Any]) -> dict[str, Any]:
    """The schedule with all options, `{"kind": ..., option: value ...}`; raises UsageError if it is not valid."""
    if not isinstance(given, str | Mapping):
        raise UsageError(f'schedule {given!r} must be a name or a table such as {{kind = "constant", warmup = 10}}')
    options = {"kind": given} if isinstance(given, str) else dict(given)
    kind = options.pop("kind", None)
    if not isinstance(kind, str) or kind not in SCHEDULES:
        raise UsageError(f"unknown schedule {kind!r}{nearest(kind, SCHEDULES)}")
    known = SCHEDULES[kind]
    for name in options:
        if name not in known:
            raise UsageError(f"schedule {kind!r} has no option {name!r}{nearest(name, known)}")
    return {"kind": kind, **{name: _check(kind, name, options.get(name, known[name])) for name in known}}


def _check(kind: str, name: str, value: Any) -> float:
    """The value of an option: an int where it counts steps, else a float."""
    low, high, whole, words = OPTIONS[name]
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or value in (math.inf, _COUNT):
        raise UsageError(f"schedule {kind!r}: {name} = {value!r} must be {words}")
    return int(value) if whole else float(value)


def learning_rates(schedule: Mapping[str, Any], lr: float, first: int, count: int, total: int) -> np.ndarray:
    """lr at steps first ... first + count - 1 of `total`, float64 (count), for a schedule from `with_defaults`."""
    return learning_rates_at(schedule, lr, np.arange(first, first + count), total)


def learning_rates_at(schedule: Mapping[str, Any], lr: float, steps: np.ndarray, total: int) -> np.ndarray:
    """lr at these steps (int64, from 1 on), otherwise as `learning_rates`; each depends on its own step alone."""
    kind, out = schedule["kind"], np.empty(steps.size)
    options = np.array([float(schedule[name]) for name in SCHEDULES[kind]])
    _fill(_KINDS[kind], options, float(lr), steps, total, out)
    return out
