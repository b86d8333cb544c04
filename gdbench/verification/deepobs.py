"""DeepOBS's `quadratic_deep`, from its random numbers to the final loss of SGD."""

import numpy as np

from gdbench.suites import mathematics
from gdbench.verification.checks import Rows, check, compare
from gdbench.verification.experiments import columns, trials

SOURCE = "Schneider, Balles, Hennig 2019 (DeepOBS), quadratic_deep"
PROBLEM = {"kind": "quadratic"}


@check("deepobs-problem", SOURCE)
def _() -> Rows:
    problem = mathematics.problem(PROBLEM)
    eigenvalues = np.linalg.eigvalsh(problem.hessian(problem.initial(0)))
    yield compare("smallest eigenvalue", expected=0.005522, measured=eigenvalues[0], tolerance=5e-7)
    yield compare("largest eigenvalue", expected=53.1290, measured=eigenvalues[-1], tolerance=5e-5)
    (record,) = trials(PROBLEM, "sgd", lr=0.01, batch_size=128, budget={"steps": 1}, evaluate={"points": 2})
    loss = columns(record)["test_loss"][0]
    yield compare("test loss at the start", expected=353.4468, measured=loss, tolerance=5e-5)


@check("deepobs-sgd", SOURCE)
def _() -> Rows:
    records = trials(
        PROBLEM, "sgd", seeds=10, lr=0.015848932, batch_size=128, budget={"epochs": 100}, evaluate={"every": 7}
    )
    curves = [columns(record) for record in records]
    final = np.array([curve["test_loss"][-1] for curve in curves])
    # Three standard errors of the mean of ten, at the larger of the known standard deviations, 0.12 to 0.2.
    what = "test loss after 100 epochs, lr = 0.015848932, batch 128, mean of 10 seeds"
    yield compare(what, expected=87.34, measured=final.mean(), tolerance=0.19)
    what = "its standard deviation over the seeds"
    yield compare(what, expected=0.16, measured=final.std(ddof=1), tolerance=0.1)
    first = np.mean([curve["test_loss"][1] for curve in curves])
    what = "test loss after one epoch, mean of 10 seeds; published for one seed"
    yield compare(what, expected=105.4, measured=first, tolerance=2.0)
