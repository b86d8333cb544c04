"""The hyperparameters of all rules: what each name means, and which values are allowed."""

import math
from dataclasses import dataclass

from gdbench.errors import UsageError, shown

ANY = "a finite number"


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter: `low <= value < high`; `open_low` excludes low, `closed_high` includes high.

    A switch is true or false. A whole number is an int, also if the user wrote 5.0.

    >>> KNOWN["lr"].check("lr", 1)
    1.0
    >>> KNOWN["k"].check("k", 5.0)
    5
    >>> KNOWN["beta1"].range()
    'at least 0 and below 1'
    >>> KNOWN["k"].range()
    'a whole number at least 1 and below 1e+09'
    """

    meaning: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    closed_high: bool = False
    switch: bool = False
    whole: bool = False

    def check(self, name: str, value: object) -> float | bool:
        """`value` in this hyperparameter's type; raises UsageError with the range if it is not allowed."""
        if self.switch:
            if isinstance(value, bool):
                return value
            raise UsageError(f"{name} = {shown(value)} must be {self.range()}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{name} = {shown(value)} must be a number")
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        inside = value > self.low if self.open_low else value >= self.low
        inside = inside and (value <= self.high if self.closed_high else value < self.high)
        if not (inside and math.isfinite(value) and (value.is_integer() or not self.whole)):
            finite = "" if math.isfinite(value) or self.range() == ANY else "finite and "
            raise UsageError(f"{name} = {shown(value)} must be {finite}{self.range()}")
        return int(value) if self.whole else value

    def range(self) -> str:
        """The allowed values, in words."""
        if self.switch:
            return "true or false"
        parts = []
        if self.low > -math.inf:
            parts.append(f"{'greater than' if self.open_low else 'at least'} {self.low:g}")
        if self.high < math.inf:
            parts.append(f"{'at most' if self.closed_high else 'below'} {self.high:g}")
        words = " and ".join(parts)
        return f"a whole number {words}".rstrip() if self.whole else words or ANY


def _decay(meaning: str) -> Hyperparameter:
    return Hyperparameter(meaning, low=0.0, high=1.0)


KNOWN: dict[str, Hyperparameter] = {
    "lr": Hyperparameter("learning rate: how far a step goes", low=0.0, open_low=True),
    "momentum": _decay("share of the last step's velocity that is kept: v = momentum v + g"),
    "beta1": _decay("decay of the running mean of gradients; in lion the mean's share of the step's direction"),
    "beta2": _decay("decay of the running mean of squared gradients; in lion of gradients"),
    "rho": _decay("decay of the running mean of squared gradients"),
    "eps": Hyperparameter("keeps a denominator away from zero; the rule's formula shows where it is added", low=0.0),
    "weight_decay": Hyperparameter(
        "multiple of the parameters that is added to the gradient, or taken off them where the formula says so", low=0.0
    ),
    "bias_correction": Hyperparameter("whether running means are corrected for starting at zero", switch=True),
    "centered": Hyperparameter("whether gradients are divided by their standard deviation", switch=True),
    "momentum_decay": Hyperparameter("how fast the momentum grows from half of beta1 to all of it", low=0.0),
    # At 4 and below the rectification is the root of a negative number.
    "rectify_above": Hyperparameter("length of the running mean above which steps are adaptive and rectified", low=4.0),
    # The bound keeps it exact in float64 and storable as an integer.
    "k": Hyperparameter("steps between two updates of the slow weights", low=1.0, high=1e9, whole=True),
    "history": Hyperparameter("past steps that are kept", low=1.0, high=1e6, whole=True),
    "decrease": Hyperparameter("share of the linearly predicted decrease that a step must achieve", low=0.0, high=1.0),
    "curvature": Hyperparameter("share of the initial slope that may remain at the end of a step", low=0.0, high=1.0),
    "shrink": Hyperparameter("factor by which a step that is too long is shortened", low=0.0, open_low=True, high=1.0),
    "alpha": Hyperparameter(
        "share of the way to the fast weights that an update of the slow weights goes",
        low=0.0,
        open_low=True,
        high=1.0,
        closed_high=True,
    ),
}

OTHER = Hyperparameter("defined by the rule")
SWITCH = Hyperparameter("defined by the rule", switch=True)


def of_rule(name: str, default: float | bool, ours: bool) -> Hyperparameter:
    """The meaning and range of a rule's hyperparameter.

    In our own rules our names have our meaning. In a plug-in's rule each name means what its author says, except lr:
    schedules and grids compute with it.

    >>> of_rule("alpha", 0.5, ours=True).range()
    'greater than 0 and at most 1'
    >>> of_rule("alpha", 2.0, ours=False).range()
    'a finite number'
    """
    if name in KNOWN and (ours or name == "lr"):
        return KNOWN[name]
    return SWITCH if isinstance(default, bool) else OTHER
