"""The names that hyperparameters have in every rule: what each means and which values make sense."""

import math
from dataclasses import dataclass

from gdbench.errors import UsageError


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter: `low <= value < high`, or `low < value < high` when `open_low`; a switch is true or false.

    >>> check("lr", 1)
    1.0
    >>> KNOWN["beta1"].range()
    'at least 0 and below 1'
    """

    meaning: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    switch: bool = False

    def check(self, name: str, value: object) -> float | bool:
        """`value` as this hyperparameter takes it; raises UsageError with the range otherwise."""
        if self.switch:
            if isinstance(value, bool):
                return value
            raise UsageError(f"{name} = {value!r} must be true or false")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{name} = {value!r} must be a number")
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        inside = (value > self.low if self.open_low else value >= self.low) and value < self.high
        if not (inside and math.isfinite(value)):
            finite = "" if math.isfinite(value) else "finite and "
            raise UsageError(f"{name} = {value!r} must be {finite}{self.range()}")
        return value

    def range(self) -> str:
        """The allowed values, in words."""
        if self.switch:
            return "true or false"
        parts = []
        if self.low > -math.inf:
            parts.append(f"{'greater than' if self.open_low else 'at least'} {self.low:g}")
        if self.high < math.inf:
            parts.append(f"below {self.high:g}")
        return " and ".join(parts) or "a finite number"


def _decay(meaning: str) -> Hyperparameter:
    return Hyperparameter(meaning, low=0.0, high=1.0)


KNOWN: dict[str, Hyperparameter] = {
    "lr": Hyperparameter("learning rate: how far a step goes", low=0.0, open_low=True),
    "momentum": _decay("share of the last step's velocity that is kept: v = momentum v + g"),
    "beta1": _decay("decay of the running mean of gradients"),
    "beta2": _decay("decay of the running mean of squared gradients"),
    "rho": _decay("decay of the running mean of squared gradients"),
    "eps": Hyperparameter("keeps a division away from zero; the rule's formula shows where it stands", low=0.0),
    "weight_decay": Hyperparameter("multiple of the parameters that is added to the gradient", low=0.0),
    "bias_correction": Hyperparameter("whether running means are corrected for starting at zero", switch=True),
}

# A rule may have hyperparameters of its own: any finite number will do.
OTHER = Hyperparameter("defined by the rule")


def check(name: str, value: object) -> float | bool:
    """`value` as the hyperparameter `name` takes it; raises UsageError with the range otherwise."""
    return KNOWN.get(name, OTHER).check(name, value)
