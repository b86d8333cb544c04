"""PyTorch on a GPU with CUDA graphs: a chunk of steps is captured once and then replayed as one launch.

`Graphs` trains one trial after another, each with the fused optimiser of torch.optim. `Stacked` trains all trials of a
sweep side by side: the weights of every layer are stacked along a first axis, and products are batched. torch.optim has
no learning rate per trial, so the update is written out over the stacks, with `_foreach` functions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gdbench.peers import optimizers
from gdbench.peers.contract import InTurns, Task, UnsupportedError, flat, layers
from gdbench.peers.pytorch import FUSED, activation_of, objective_of

DEVICE = "cuda"
CAPTURABLE = {"capturable": True}
WARM = 3  # steps before the capture, as in PyTorch's manual


class Graphs:
    """One trial after another."""

    def prepare(self, task: Task, threads: int) -> InTurns:
        """See `Adapter`."""
        import torch

        name, options = optimizers.pytorch(task.rule, task.hyperparameters)
        options |= {"fused": True} if name in FUSED["cuda"] else {}
        options |= {} if name == "SGD" else CAPTURABLE
        if name == "Adagrad":
            raise UnsupportedError("torch.optim.Adagrad cannot be captured in a graph")
        torch.set_num_threads(threads)
        torch.set_default_dtype(getattr(torch, task.dtype))
        x, y = (torch.from_numpy(values).to(DEVICE) for values in (task.x, task.y))
        return InTurns([_Trial(torch, task, number, x, y, name, options) for number in range(task.trials)])


class _Trial:
    def __init__(self, torch: Any, task: Task, number: int, x: Any, y: Any, name: str, options: dict[str, Any]) -> None:
        start = [view.copy() for view in layers(task.thetas[number], task.sizes)]
        self.parameters = [torch.tensor(view).to(DEVICE).requires_grad_() for view in start]
        objective = objective_of(torch, task)
        optimizer = getattr(torch.optim, name)(self.parameters, lr=float(task.lrs[number]), **options)

        def step(rows: Any) -> None:
            optimizer.zero_grad()
            objective(self.parameters, x.index_select(0, rows), y.index_select(0, rows)).backward()
            optimizer.step()

        def restore() -> None:
            for parameter, view in zip(self.parameters, start, strict=True):
                parameter.detach().copy_(torch.from_numpy(view))
            for state in optimizer.state.values():
                for key, value in state.items():
                    if value is not None:
                        value.fill_(1.0 if key == "mu_product" else 0.0)

        chunks = [task.rows_of(number, call) for call in range(task.chunks)]
        self.chunk = _Captured(torch, chunks, step, restore)

    def advance(self, call: int) -> None:
        """See `Trial`."""
        self.chunk.replay(call)

    def theta(self) -> np.ndarray:
        """See `Trial`."""
        return flat([parameter.detach().cpu().numpy() for parameter in self.parameters])


class _Captured:
    """A chunk of steps as a graph.

    rows: of each chunk. step: takes a step on a batch's rows. restore: brings parameters and state back to step 0,
    after the warm-up has changed them.
    """

    def __init__(
        self, torch: Any, rows: list[np.ndarray], step: Callable[[Any], None], restore: Callable[[], None]
    ) -> None:
        self.torch = torch
        self.rows = [torch.from_numpy(np.ascontiguousarray(chunk)).to(DEVICE) for chunk in rows]
        self.now = self.rows[0].clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM):
                step(self.now[0])
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for batch in self.now.unbind(0):
                step(batch)
        restore()

    def replay(self, call: int) -> None:
        """Take the steps of a call, and wait until they are done."""
        self.now.copy_(self.rows[call % len(self.rows)])
        self.graph.replay()
        self.torch.cuda.synchronize()


class Stacked:
    """All trials side by side, by sgd, momentum or adam."""

    def prepare(self, task: Task, threads: int) -> "_Stack":
        """See `Adapter`."""
        import torch

        if task.trials == 1:
            raise UnsupportedError("one trial leaves nothing to stack")
        if task.rule not in ("sgd", "momentum", "adam") or task.hyperparameters.get("weight_decay"):
            raise UnsupportedError(f"torch.optim has no learning rate a trial, and {task.rule} is not written out")
        if task.loss not in ("cross-entropy", "mse") or task.l2:
            raise UnsupportedError("only cross-entropy and mse without penalty are written out for stacks")
        torch.set_num_threads(threads)
        return _Stack(torch, task)


class _Stack:
    def __init__(self, torch: Any, task: Task) -> None:
        self.at_once, self.done = task.trials, 0
        start = [np.ascontiguousarray(view) for view in layers(task.thetas, task.sizes)]
        start[1::2] = [bias[:, None, :] for bias in start[1::2]]  # added to every row of a batch
        self.parameters = [torch.from_numpy(view.copy()).to(DEVICE).requires_grad_() for view in start]
        x, y = (torch.from_numpy(values).to(DEVICE) for values in (task.x, task.y))
        lrs = torch.from_numpy(task.lrs.astype(task.dtype)).to(DEVICE)[:, None, None]
        update, state = _update(torch, task, self.parameters, lrs)
        objective = _stacked_objective(torch, task)

        def step(rows: Any) -> None:  # trials x batch_size
            loss = objective(self.parameters, x[rows], y[rows])
            gradients = torch.autograd.grad(loss, self.parameters)
            with torch.no_grad():
                update(gradients)

        def restore() -> None:
            with torch.no_grad():
                for parameter, view in zip(self.parameters, start, strict=True):
                    parameter.copy_(torch.from_numpy(view))
                for value in state:
                    value.zero_()

        chunks = [
            np.stack([task.rows_of(number, call) for number in range(task.trials)], axis=1)
            for call in range(task.chunks)
        ]
        self.chunk = _Captured(torch, chunks, step, restore)

    def run(self) -> None:
        """See `Training`."""
        self.chunk.replay(self.done)
        self.done += 1

    def thetas(self) -> np.ndarray:
        """See `Training`."""
        return flat([parameter.detach().cpu().numpy() for parameter in self.parameters], leading=1)


def _stacked_objective(torch: Any, task: Task) -> Callable[..., Any]:
    """A function: the sum of the trials' mean losses, so that each trial gets its own gradient."""
    functional, activate = torch.nn.functional, activation_of(torch, task)

    def objective(parameters: list[Any], x: Any, y: Any) -> Any:
        weights, biases = parameters[::2], parameters[1::2]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = activate(torch.baddbmm(bias, x, weight))
        z = torch.baddbmm(biases[-1], x, weights[-1])
        if task.loss == "mse":
            return functional.mse_loss(z, y, reduction="sum") / (y.shape[1] * y.shape[2])
        flattened = functional.cross_entropy(z.reshape(-1, z.shape[-1]), y.reshape(-1), reduction="sum")
        return flattened / y.shape[1]

    return objective


def _update(torch: Any, task: Task, parameters: list[Any], lrs: Any) -> tuple[Callable[[Any], None], list[Any]]:
    """A function that updates all stacks from their gradients, and its state, which is zero at first."""
    hyperparameters = task.hyperparameters
    if task.rule == "sgd":

        def descend(gradients: Any) -> None:
            torch._foreach_sub_(parameters, [lrs * g for g in gradients])

        return descend, []
    first = [torch.zeros_like(parameter) for parameter in parameters]
    if task.rule == "momentum":

        def roll(gradients: Any) -> None:
            torch._foreach_mul_(first, hyperparameters["momentum"])
            torch._foreach_add_(first, gradients)
            torch._foreach_sub_(parameters, [lrs * m for m in first])

        return roll, first
    second, count = [torch.zeros_like(m) for m in first], torch.zeros((), dtype=lrs.dtype, device=lrs.device)
    beta1, beta2 = hyperparameters["beta1"], hyperparameters["beta2"]

    def adapt(gradients: Any) -> None:
        count.add_(1)
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        roots = torch._foreach_sqrt(second)
        torch._foreach_div_(roots, (1 - beta2**count).sqrt())
        torch._foreach_add_(roots, hyperparameters["eps"])
        rate = lrs / (1 - beta1**count)
        torch._foreach_sub_(parameters, [rate * m / root for m, root in zip(first, roots, strict=True)])

    return adapt, [*first, *second, count]
