"""PyTorch: autograd over a few dense layers and an optimiser of torch.optim, one trial after another.

The data is one tensor, and a batch is an `index_select` of it. Gradients are set to None rather than filled with zeros.
Nothing is read back between steps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gdbench.peers import optimizers
from gdbench.peers.contract import InTurns, Task, UnsupportedError, flat, its, layers

# The classes of torch.optim that have a fused update, by device.
FUSED = {"cpu": ("SGD", "Adam", "AdamW", "Adagrad"), "cuda": ("SGD", "Adam", "AdamW")}


class PyTorch:
    """PyTorch.

    fused: the update runs as one kernel; the default on the CPU is a loop over tensors. compiled: torch.compile
    compiles the loss and its gradient, and the update is fused if it can be. device: `cpu` or `cuda`.
    """

    def __init__(self, *, fused: bool = False, compiled: bool = False, device: str = "cpu") -> None:
        self.fused, self.compiled, self.device = fused, compiled, device

    def prepare(self, task: Task, threads: int) -> InTurns:
        """See `Adapter`."""
        import torch

        name, options = optimizers.pytorch(task.rule, task.hyperparameters)
        if self.fused and name not in FUSED[self.device]:
            raise UnsupportedError(f"torch.optim.{name} has no fused update for {self.device.upper()}")
        if self.fused or (self.compiled and name in FUSED[self.device]):
            options["fused"] = True
        torch.set_num_threads(threads)
        torch.set_default_dtype(getattr(torch, task.dtype))  # NAdam keeps its products of momenta in it
        x, y = (torch.from_numpy(values).to(self.device) for values in (task.x, task.y))
        objective = objective_of(torch, task)
        if self.compiled:
            objective = torch.compile(objective, dynamic=False)
        optimizer = getattr(torch.optim, name)
        return InTurns(
            [_Trial(torch, task, number, x, y, objective, optimizer, options) for number in range(task.trials)]
        )


class _Trial:
    def __init__(
        self, torch: Any, task: Task, number: int, x: Any, y: Any, objective: Any, optimizer: Any, options: Any
    ) -> None:
        self.x, self.y, self.objective = x, y, objective
        self.parameters = [
            torch.from_numpy(view.copy()).to(x.device).requires_grad_()
            for view in layers(task.thetas[number], task.sizes)
        ]
        self.optimizer = optimizer(self.parameters, lr=float(task.lrs[number]), **options)
        rows = [torch.from_numpy(task.rows_of(number, call)) for call in range(task.chunks)]
        self.rows = [chunk.to(x.device).unbind(0) for chunk in rows]
        self.wait = torch.cuda.synchronize if x.is_cuda else lambda: None

    def advance(self, call: int) -> None:
        """See `Trial`."""
        x, y, optimizer = self.x, self.y, self.optimizer
        for rows in self.rows[call % len(self.rows)]:
            optimizer.zero_grad()
            self.objective(self.parameters, x.index_select(0, rows), y.index_select(0, rows)).backward()
            optimizer.step()
        self.wait()

    def theta(self) -> np.ndarray:
        """See `Trial`."""
        return flat([parameter.detach().cpu().numpy() for parameter in self.parameters])


def activation_of(torch: Any, task: Task) -> Callable[[Any], Any]:
    """The activation of the hidden layers."""
    functional = torch.nn.functional
    known: dict[str, Callable[[Any], Any]] = {
        "identity": lambda z: z,
        "relu": torch.relu,
        "leaky-relu": functional.leaky_relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "gelu": functional.gelu,
    }
    return its("PyTorch", "activation", known, task.activation)


def objective_of(torch: Any, task: Task) -> Callable[..., Any]:
    """A function of parameters, x and y: the mean loss of a batch, penalty included."""
    functional, activate = torch.nn.functional, activation_of(torch, task)
    known: dict[str, Callable[..., Any]] = {
        "cross-entropy": functional.cross_entropy,
        "binary-cross-entropy": functional.binary_cross_entropy_with_logits,
        "mse": functional.mse_loss,
        "huber": functional.huber_loss,
    }
    loss_of = its("PyTorch", "loss", known, task.loss)
    half = 0.5 * task.l2

    def objective(parameters: list[Any], x: Any, y: Any) -> Any:
        weights, biases = parameters[::2], parameters[1::2]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = activate(torch.addmm(bias, x, weight))
        value = loss_of(torch.addmm(biases[-1], x, weights[-1]), y)
        return value + half * sum(weight.square().sum() for weight in weights) if half else value

    return objective
