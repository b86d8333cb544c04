"""How the learning rate depends on the step: lr(t) for t = 1, 2, ..., in float64.

    lrs = learning_rates({"kind": "constant", "warmup": 10}, lr=0.1, first=1, count=100)

Every schedule is multiplied by min(1, t / warmup). `SCHEDULES` names the kinds with the options each takes; the
options' defaults stand in `OPTIONS`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gdbench.errors import UsageError, nearest
from gdbench.kernels.jit import kernel

SCHEDULES: dict[str, tuple[str, ...]] = {"constant": ("warmup",)}
MEANINGS = {"constant": "lr, at every step"}
OPTIONS: dict[str, float] = {"warmup": 0}


@kernel
def _fill(lr, warmup, first, out):
    for i in range(out.size):
        t = first + i
        out[i] = lr * (t / warmup) if t < warmup else lr


def settings(given: str | Mapping[str, Any]) -> dict[str, Any]:
    """The schedule in full, `{"kind": ..., option: value ...}`; raises UsageError for what it does not know."""
    if not isinstance(given, str | Mapping):
        raise UsageError(f'schedule {given!r} must be a name or a table such as {{kind = "constant", warmup = 10}}')
    options = {"kind": given} if isinstance(given, str) else dict(given)
    kind = options.pop("kind", None)
    if not isinstance(kind, str) or kind not in SCHEDULES:
        raise UsageError(f"unknown schedule {kind!r}{nearest(kind, SCHEDULES)}")
    for name, value in options.items():
        if name not in SCHEDULES[kind]:
            raise UsageError(f"schedule {kind!r} has no option {name!r}{nearest(name, SCHEDULES[kind])}")
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
            raise UsageError(f"schedule {kind!r}: {name} = {value!r} must be a whole number of steps, 0 or more")
    return {"kind": kind, **{name: options.get(name, OPTIONS[name]) for name in SCHEDULES[kind]}}


def learning_rates(schedule: Mapping[str, Any], lr: float, first: int, count: int) -> np.ndarray:
    """lr at steps first ... first + count - 1 for a schedule as `settings` gives it."""
    out = np.empty(count)
    _fill(float(lr), schedule["warmup"], first, out)
    return out
