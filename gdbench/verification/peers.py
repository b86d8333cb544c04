"""The same gradients given to PyTorch's optimisers, or Optax's if PyTorch has none: 1e-12 after 1000 steps."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gdbench.kernels.rules.registry import find
from gdbench.machine.environment import missing
from gdbench.peers import optimizers
from gdbench.runner.descent import minimize
from gdbench.verification.checks import Row, Rows, check, compare, difference, skip
from gdbench.verification.experiments import START, anywhere, prescribed, prescribed_gradients

STEPS, TOLERANCE = 1000, 1e-12

# Hyperparameters with which a rule of torch.optim is compared; lr is 0.01 on both sides. Those that are not named here:
_USUAL: list[dict[str, Any]] = [{}, {"weight_decay": 0.1}]
_VARIED: dict[str, list[dict[str, Any]]] = {
    "momentum": [{}, {"momentum": 0.5, "weight_decay": 0.1}],
    "adagrad": [{}, {"eps": 1e-3, "weight_decay": 0.1}],
    "adadelta": [{}, {"rho": 0.5, "weight_decay": 0.1}],
    "rmsprop": [{}, {"rho": 0.9, "weight_decay": 0.1}, {"centered": True, "momentum": 0.9}],
    "adam": [{}, {"beta1": 0.8, "eps": 1e-3}, {"weight_decay": 0.1}],
    "amsgrad": [{}, {"beta2": 0.9, "weight_decay": 0.1}],
    "nadam": [{}, {"momentum_decay": 0.1, "weight_decay": 0.1}],
    "adamw": [{}, {"weight_decay": 0.5}],
    "radam": [{}, {"beta2": 0.9, "weight_decay": 0.1}],
}
TORCH = [(rule, options) for rule in optimizers.PYTORCH for options in _VARIED.get(rule, _USUAL)]


def _beside(rule: str, options: dict[str, Any], peer: str, theirs: np.ndarray) -> Row:
    """A row that compares where the rule ends with where its peer ended."""
    ours = minimize(anywhere, START, rule, grad=prescribed, steps=STEPS, every=STEPS, lr=0.01, **options).x
    return compare(_title(rule, options, peer), expected=0.0, measured=difference(ours, theirs), tolerance=TOLERANCE)


def _title(rule: str, options: dict[str, Any], peer: str) -> str:
    given = ", ".join(f"{name} = {str(value).lower()}" for name, value in options.items())
    return f"{rule}{f' ({given})' if given else ''} beside {peer}"


@contextmanager
def _double(torch: Any) -> Iterator[None]:
    """Make float64 PyTorch's default dtype: NAdam keeps its products in the default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@check("pytorch", "torch.optim, float64")
def _() -> Rows:
    reason = missing("torch")
    if reason:
        for rule, options in TORCH:
            yield skip(_title(rule, options, optimizers.pytorch(rule, options)[0]), reason)
        return
    torch = importlib.import_module("torch")
    gradients = prescribed_gradients(STEPS)
    for rule, options in TORCH:
        peer, their_options = optimizers.pytorch(rule, options)
        with _double(torch):
            p = torch.tensor(START, requires_grad=True)
            optimizer = getattr(torch.optim, peer)([p], lr=0.01, **their_options)
            for g in gradients:
                p.grad = torch.tensor(g)
                optimizer.step()
            theirs = p.detach().numpy()
        yield _beside(rule, options, peer, theirs)


OPTAX: list[tuple[str, dict[str, Any], str]] = [
    ("lion", {}, "optax.lion"),
    ("lion", {"beta1": 0.8, "beta2": 0.9, "weight_decay": 0.1}, "optax.lion"),
    ("lookahead", {}, "optax.lookahead(adam)"),
    ("lookahead", {"k": 7, "alpha": 0.8}, "optax.lookahead(adam)"),
]


@check("optax", "Optax, float64")
def _() -> Rows:
    reason = missing("jax", "optax")
    for rule, options, peer in OPTAX:
        if reason:
            yield skip(_title(rule, options, peer), reason)
        else:
            yield _beside(rule, options, peer, _with_optax(rule, options))


@contextmanager
def _x64(jax: Any) -> Iterator[None]:
    """Turn on float64 in JAX, where it is off by default."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def _with_optax(rule: str, options: dict[str, Any]) -> np.ndarray:
    """The last point of Optax."""
    jax, optax = importlib.import_module("jax"), importlib.import_module("optax")
    with _x64(jax):
        start = jax.numpy.asarray(START)
        optimizer = optimizers.optax(rule, find(rule).with_defaults(options), 0.01)
        start = optax.LookaheadParams(start, start) if rule == "lookahead" else start

        def step(carry: Any, g: Any) -> Any:
            parameters, state = carry
            updates, state = optimizer.update(g, state, parameters)
            return (optax.apply_updates(parameters, updates), state), None

        gradients = jax.numpy.asarray(prescribed_gradients(STEPS))
        (end, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), gradients)
        return np.array(getattr(end, "fast", end))
