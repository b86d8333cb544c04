"""scikit-learn's MLPClassifier, one trial after another: its training loop, with our batches in our order.

`partial_fit` goes over its samples once, in batches of `batch_size` and without shuffling. So one call with the samples
of many steps takes these steps.
"""

from typing import Any

import numpy as np

from gdbench.peers.contract import InTurns, Task, UnsupportedError, flat, layers

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}
GATHERED = 8192  # samples that are gathered for one call of partial_fit, unless a batch is larger


class ScikitLearn:
    """MLPClassifier with the solvers sgd and adam."""

    def prepare(self, task: Task, threads: int) -> InTurns:
        """See `Adapter`. NumPy's BLAS uses a thread for each processor that it finds."""
        options = _options(task)
        return InTurns([_Trial(task, number, options) for number in range(task.trials)])


class _Trial:
    def __init__(self, task: Task, number: int, options: dict[str, Any]) -> None:
        from sklearn.neural_network import MLPClassifier

        self.task, self.number = task, number
        self.y = task.y if task.y.ndim == 1 else task.y[:, 0].astype(np.int64)
        self.model = MLPClassifier(
            hidden_layer_sizes=task.sizes[1:-1],
            activation=ACTIVATIONS[task.activation],
            alpha=0.0,
            batch_size=task.batch_size,
            shuffle=False,
            learning_rate_init=float(task.lrs[number]),
            **options,
        )
        # One step creates the model's arrays; then it starts over with our parameters and a new optimiser.
        classes = np.arange(max(2, task.sizes[-1]))
        batch = task.rows_of(number, 0)[0]
        self.model.partial_fit(task.x[batch], self.y[batch], classes=classes)
        del self.model._optimizer
        own = [array for pair in zip(self.model.coefs_, self.model.intercepts_, strict=True) for array in pair]
        for array, view in zip(own, layers(task.thetas[number], task.sizes), strict=True):
            array[...] = view

    def advance(self, call: int) -> None:
        """See `Trial`."""
        rows = self.task.rows_of(self.number, call)
        steps = max(1, GATHERED // self.task.batch_size)
        for first in range(0, len(rows), steps):
            chosen = rows[first : first + steps].ravel()
            self.model.partial_fit(self.task.x[chosen], self.y[chosen])

    def theta(self) -> np.ndarray:
        """See `Trial`."""
        return flat([array for pair in zip(self.model.coefs_, self.model.intercepts_, strict=True) for array in pair])


def _options(task: Task) -> dict[str, Any]:
    """The solver and its options. Raises UnsupportedError if MLPClassifier cannot express the task."""
    hyperparameters = task.hyperparameters
    if task.loss not in ("cross-entropy", "binary-cross-entropy"):
        raise UnsupportedError(f"MLPClassifier has no loss {task.loss}, and MLPRegressor another gradient")
    if task.loss == "binary-cross-entropy" and task.sizes[-1] > 1:
        raise UnsupportedError("MLPClassifier has no one-against-all loss for labels")
    if task.loss == "cross-entropy" and task.sizes[-1] < 3:
        raise UnsupportedError("MLPClassifier has one output for two classes")
    if len(task.sizes) > 2 and task.activation not in ACTIVATIONS:
        raise UnsupportedError(f"MLPClassifier has no activation {task.activation}")
    if task.l2 or hyperparameters.get("weight_decay"):
        raise UnsupportedError("MLPClassifier divides its penalty by the size of the batch")
    if not hyperparameters.get("bias_correction", True):
        raise UnsupportedError("MLPClassifier's adam always corrects its running means")
    match task.rule:
        case "sgd":
            return {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False}
        case "momentum" | "nesterov":
            nesterov = task.rule == "nesterov"
            return {"solver": "sgd", "momentum": hyperparameters["momentum"], "nesterovs_momentum": nesterov}
        case "adam":
            return {
                "solver": "adam",
                "beta_1": hyperparameters["beta1"],
                "beta_2": hyperparameters["beta2"],
                "epsilon": hyperparameters["eps"],
            }
    raise UnsupportedError(f"MLPClassifier has no {task.rule}")
