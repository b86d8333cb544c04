"""How checks get their numbers: by gdbench's descents, trials and gradients, as users call them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from gdbench import suites
from gdbench.kernels.directions.stepper import DirectionStepper, begin
from gdbench.kernels.rules.registry import find
from gdbench.kernels.rules.stepper import ScalarStepper
from gdbench.runner.trial import train
from gdbench.store import TrialRecord
from gdbench.suites import mathematics

START = np.linspace(-1.0, 1.5, 8)  # of descents along prescribed gradients


def anywhere(x: np.ndarray) -> float:
    """A function whose value does not matter, because its gradient is prescribed."""
    return 0.0


def prescribed(x: np.ndarray, t: int, out: np.ndarray) -> None:
    """The gradient of step t, with the same bits in every library: small whole numbers, scaled by element."""
    scale = 1.0 / 512.0
    for i in range(out.size):
        out[i] = ((t * t * (i + 3) + 77 * t + 13 * i) % 2003 - 1001) * scale
        scale *= 0.25


def constant(x: np.ndarray, t: int, out: np.ndarray) -> None:
    """A gradient of 1 at every step."""
    for i in range(out.size):
        out[i] = 1.0


def prescribed_gradients(count: int) -> np.ndarray:
    """The prescribed gradients of steps 1 ... count, one per row."""
    out = np.empty((count, START.size))
    for t in range(1, count + 1):
        prescribed(START, t, out[t - 1])
    return out


def trials(problem: Mapping[str, Any], rule: str, *, seeds: int = 1, lr: float, **suite: Any) -> Iterator[TrialRecord]:
    """The trials of a suite with one problem and one rule, on the reporting seeds 0, 1, ..."""
    table = {"problem": {"problem": problem}, "rule": {rule: {"lr": lr}}, "seeds": seeds, "tune_seeds": 0}
    for trial in suites.load({**table, "dtype": "float64", **suite}).first_trials():
        record = train(trial)
        assert record is not None  # nobody cancels it
        yield record


def columns(record: TrialRecord) -> dict[str, np.ndarray]:
    """A trial's curve by the names of its columns."""
    return dict(zip(record.columns, record.curve.T, strict=True))


def stepper_for(
    problem: Mapping[str, Any], rule: str, *, batch_size: int, seed: int = 0, **hyperparameters: float | bool
) -> ScalarStepper | DirectionStepper:
    """A stepper at the start of a problem in float64, with a constant lr: `.advance(count)`, `.training.theta`."""
    chosen = find(rule)
    values = chosen.with_defaults(hyperparameters)
    training = mathematics.problem(problem).begin(seed=seed, batch_size=batch_size)
    return begin(chosen, values, training, lambda first, count: np.full(count, values["lr"]))


def differences(f: Callable[[np.ndarray], Any], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The derivatives of f along each coordinate, one per row, by fourth-order central differences."""
    rows = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = h * max(1.0, abs(x[i]))
        near, far = np.subtract(f(x + e), f(x - e)), np.subtract(f(x + 2 * e), f(x - 2 * e))
        rows.append((8 * near - far) / (12 * e[i]))
    return np.array(rows)
