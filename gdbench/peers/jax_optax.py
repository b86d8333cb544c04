"""JAX with Optax: one compiled scan over the steps of a chunk, for one trial or, by vmap, for all at once.

The data is on the device, batches are gathered inside the scan, and the buffers of parameters and state are donated.
"""

from typing import Any

import numpy as np

from gdbench.peers import optimizers
from gdbench.peers.contract import InTurns, Task, UnsupportedError, flat, its, layers


class Jax:
    """JAX. mapped: all trials of a sweep are one program. exact: products keep the task's precision, on a GPU too."""

    def __init__(self, *, mapped: bool = False, exact: bool = True) -> None:
        self.mapped, self.exact = mapped, exact

    def prepare(self, task: Task, threads: int) -> "InTurns | _Mapped":
        """See `Adapter`. XLA uses a thread for each core that its process may run on."""
        import jax

        jax.config.update("jax_enable_x64", task.dtype == "float64")
        jax.config.update("jax_default_matmul_precision", "highest" if self.exact else "default")
        begin, advance = _program(jax, task)
        x, y = jax.numpy.asarray(task.x), jax.numpy.asarray(task.y)
        if self.mapped:
            if task.trials == 1:
                raise UnsupportedError("one trial leaves nothing to map over")
            return _Mapped(jax, task, x, y, begin, advance)
        compiled = jax.jit(advance, donate_argnums=0)
        return InTurns([_Trial(jax, task, number, x, y, begin, compiled) for number in range(task.trials)])


class _Trial:
    def __init__(self, jax: Any, task: Task, number: int, x: Any, y: Any, begin: Any, compiled: Any) -> None:
        self.jax, self.x, self.y, self.compiled = jax, x, y, compiled
        self.lr = jax.numpy.asarray(task.lrs[number], task.dtype)
        start = [jax.numpy.array(view) for view in layers(task.thetas[number], task.sizes)]
        self.carry = _apart(jax, begin(start, self.lr))
        self.rows = [jax.numpy.asarray(task.rows_of(number, call), np.int32) for call in range(task.chunks)]

    def advance(self, call: int) -> None:
        """See `Trial`."""
        self.carry = self.compiled(self.carry, self.x, self.y, self.rows[call % len(self.rows)], self.lr)
        self.jax.block_until_ready(self.carry)

    def theta(self) -> np.ndarray:
        """See `Trial`."""
        return flat([np.asarray(layer) for layer in _fast(self.carry[0])])


class _Mapped:
    """Every call trains all trials for a chunk of steps."""

    def __init__(self, jax: Any, task: Task, x: Any, y: Any, begin: Any, advance: Any) -> None:
        self.jax, self.x, self.y, self.at_once, self.done = jax, x, y, task.trials, 0
        self.compiled = jax.jit(jax.vmap(advance, in_axes=(0, None, None, 0, 0)), donate_argnums=0)
        self.lrs = jax.numpy.asarray(task.lrs, task.dtype)
        start = [jax.numpy.array(view) for view in layers(task.thetas, task.sizes)]
        self.carry = _apart(jax, jax.vmap(begin)(start, self.lrs))
        chunks = [[task.rows_of(number, call) for number in range(task.trials)] for call in range(task.chunks)]
        self.rows = [jax.numpy.asarray(np.stack(chunk), np.int32) for chunk in chunks]

    def run(self) -> None:
        """See `Training`."""
        rows = self.rows[self.done % len(self.rows)]
        self.carry = self.compiled(self.carry, self.x, self.y, rows, self.lrs)
        self.jax.block_until_ready(self.carry)
        self.done += 1

    def thetas(self) -> np.ndarray:
        """See `Training`."""
        return flat([np.asarray(layer) for layer in _fast(self.carry[0])], leading=1)


def _apart(jax: Any, carry: Any) -> Any:
    """A copy with its own buffer for each leaf: JAX refuses a buffer that is donated twice."""
    return jax.tree.map(jax.numpy.copy, carry)


def _fast(parameters: Any) -> Any:
    """The parameters that are evaluated; lookahead also has slow ones."""
    return getattr(parameters, "fast", parameters)


def _program(jax: Any, task: Task) -> tuple[Any, Any]:
    """The functions `begin(layers, lr)` and `advance(carry, x, y, rows, lr)`, which scans over the steps of rows."""
    import optax

    ahead = task.rule.startswith("lookahead")
    optimizers.optax(task.rule, task.hyperparameters, 1e-3)  # raises UnsupportedError if Optax lacks the rule
    gradient = jax.grad(_objective(jax, optax, task))

    def begin(start: Any, lr: Any) -> Any:
        parameters = optax.LookaheadParams.init_synced(start) if ahead else start
        return parameters, optimizers.optax(task.rule, task.hyperparameters, lr).init(parameters)

    def advance(carry: Any, x: Any, y: Any, rows: Any, lr: Any) -> Any:
        optimizer = optimizers.optax(task.rule, task.hyperparameters, lr)

        def step(carry: Any, batch: Any) -> Any:
            parameters, state = carry
            gathered = (values.at[batch].get(mode="promise_in_bounds") for values in (x, y))
            updates, state = optimizer.update(gradient(_fast(parameters), *gathered), state, parameters)
            return (optax.apply_updates(parameters, updates), state), None

        return jax.lax.scan(step, carry, rows)[0]

    return begin, advance


def _objective(jax: Any, optax: Any, task: Task) -> Any:
    """A function of parameters, x and y: the mean loss of a batch, penalty included."""
    activations = {
        "identity": lambda z: z,
        "relu": jax.nn.relu,
        "leaky-relu": jax.nn.leaky_relu,
        "tanh": jax.numpy.tanh,
        "sigmoid": jax.nn.sigmoid,
        "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    }
    losses = {
        "cross-entropy": optax.softmax_cross_entropy_with_integer_labels,
        "binary-cross-entropy": optax.sigmoid_binary_cross_entropy,
        "mse": lambda z, y: (z - y) ** 2,
        "huber": optax.huber_loss,
    }
    activate = its("JAX", "activation", activations, task.activation)
    loss_of = its("Optax", "loss", losses, task.loss)

    def objective(parameters: Any, x: Any, y: Any) -> Any:
        weights, biases = parameters[::2], parameters[1::2]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = activate(x @ weight + bias)
        value = loss_of(x @ weights[-1] + biases[-1], y).mean()
        return value + 0.5 * task.l2 * sum((weight**2).sum() for weight in weights) if task.l2 else value

    return objective
