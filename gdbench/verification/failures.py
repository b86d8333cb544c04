"""A known failure of a rule, which must occur here too."""

import numpy as np

from gdbench.runner.descent import minimize
from gdbench.verification.checks import Rows, check, compare
from gdbench.verification.experiments import anywhere

STEPS = 300_000


def _rare_but_large(x: np.ndarray, t: int, out: np.ndarray) -> None:
    """1010 once in 101 steps, otherwise -10: their sum points to -1, most of them to +1."""
    out[0] = 1010.0 if t % 101 == 1 else -10.0


@check("adam-fails", "Reddi, Kale, Kumar 2018, section 3")
def _() -> Rows:
    for rule, expected in (("adam", 0.997), ("amsgrad", -0.998)):
        descent = minimize(
            anywhere,
            [0.0],
            rule,
            grad=_rare_but_large,
            steps=STEPS,
            lr=0.5,
            schedule="inverse-sqrt",
            bounds=(-1.0, 1.0),
            beta1=0.9,
            beta2=0.99,
            bias_correction=False,
        )
        mean = float(descent.path["x0"].to_numpy()[-STEPS // 10 :].mean())
        what = f"{rule}: mean x over the last tenth of 300,000 steps; the minimum is at -1"
        yield compare(what, expected=expected, measured=mean, tolerance=1e-3)
