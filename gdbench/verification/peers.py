"""The same gradients through PyTorch's optimisers, and Optax's where PyTorch has none: 1e-12 after 1000 steps."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gdbench.descent import minimize
from gdbench.verification.checks import Row, Rows, check, compare, difference, missing, skip
from gdbench.verification.work import START, anywhere, prescribed, prescribed_gradients

STEPS, TOLERANCE = 1000, 1e-12

# Our rule and options beside PyTorch's class and what its options are called; lr is 0.01 on both sides.
TORCH: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("sgd", {}, "SGD", {}),
    ("sgd", {"weight_decay": 0.1}, "SGD", {"weight_decay": 0.1}),
    ("momentum", {}, "SGD", {"momentum": 0.9}),
    ("momentum", {"momentum": 0.5, "weight_decay": 0.1}, "SGD", {"momentum": 0.5, "weight_decay": 0.1}),
    ("nesterov", {}, "SGD", {"momentum": 0.9, "nesterov": True}),
    ("nesterov", {"weight_decay": 0.1}, "SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("adagrad", {}, "Adagrad", {}),
    ("adagrad", {"eps": 1e-3, "weight_decay": 0.1}, "Adagrad", {"eps": 1e-3, "weight_decay": 0.1}),
    ("adadelta", {}, "Adadelta", {}),
    ("adadelta", {"rho": 0.5, "weight_decay": 0.1}, "Adadelta", {"rho": 0.5, "weight_decay": 0.1}),
    ("rmsprop", {}, "RMSprop", {}),
    ("rmsprop", {"rho": 0.9, "weight_decay": 0.1}, "RMSprop", {"alpha": 0.9, "weight_decay": 0.1}),
    ("rmsprop", {"centered": True, "momentum": 0.9}, "RMSprop", {"centered": True, "momentum": 0.9}),
    ("adam", {}, "Adam", {}),
    ("adam", {"beta1": 0.8, "eps": 1e-3}, "Adam", {"betas": (0.8, 0.999), "eps": 1e-3}),
    ("adam", {"weight_decay": 0.1}, "Adam", {"weight_decay": 0.1}),
    ("amsgrad", {}, "Adam", {"amsgrad": True}),
    (
        "amsgrad",
        {"beta2": 0.9, "weight_decay": 0.1},
        "Adam",
        {"amsgrad": True, "betas": (0.9, 0.9), "weight_decay": 0.1},
    ),
    ("adamax", {}, "Adamax", {}),
    ("adamax", {"weight_decay": 0.1}, "Adamax", {"weight_decay": 0.1}),
    ("nadam", {}, "NAdam", {}),
    ("nadam", {"momentum_decay": 0.1, "weight_decay": 0.1}, "NAdam", {"momentum_decay": 0.1, "weight_decay": 0.1}),
    ("adamw", {}, "AdamW", {}),
    ("adamw", {"weight_decay": 0.5}, "AdamW", {"weight_decay": 0.5}),
    ("radam", {}, "RAdam", {}),
    ("radam", {"beta2": 0.9, "weight_decay": 0.1}, "RAdam", {"betas": (0.9, 0.9), "weight_decay": 0.1}),
]


def _beside(rule: str, options: dict[str, Any], peer: str, theirs: np.ndarray) -> Row:
    """The row that compares where the rule ends with where its peer did."""
    ours = minimize(anywhere, START, rule, grad=prescribed, steps=STEPS, every=STEPS, lr=0.01, **options).x
    return compare(_title(rule, options, peer), expected=0.0, measured=difference(ours, theirs), tolerance=TOLERANCE)


def _title(rule: str, options: dict[str, Any], peer: str) -> str:
    given = ", ".join(f"{name} = {str(value).lower()}" for name, value in options.items())
    return f"{rule}{f' ({given})' if given else ''} beside {peer}"


@contextmanager
def _double(torch: Any) -> Iterator[None]:
    """float64 wherever PyTorch chooses: NAdam keeps its products in the default dtype."""
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
        for rule, options, peer, _ in TORCH:
            yield skip(_title(rule, options, peer), reason)
        return
    torch = importlib.import_module("torch")
    gradients = prescribed_gradients(STEPS)
    for rule, options, peer, their_options in TORCH:
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
    """float64 in JAX, which leaves it off."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def _with_optax(rule: str, options: dict[str, Any]) -> np.ndarray:
    """Where Optax ends."""
    jax, optax = importlib.import_module("jax"), importlib.import_module("optax")
    with _x64(jax):
        start = jax.numpy.asarray(START)
        if rule == "lion":
            optimizer = optax.lion(
                0.01,
                b1=options.get("beta1", 0.9),
                b2=options.get("beta2", 0.99),
                weight_decay=options.get("weight_decay", 0.0),
            )
        else:
            optimizer = optax.lookahead(optax.adam(0.01), options.get("k", 5), options.get("alpha", 0.5))
            start = optax.LookaheadParams(start, start)

        def step(carry: Any, g: Any) -> Any:
            parameters, state = carry
            updates, state = optimizer.update(g, state, parameters)
            return (optax.apply_updates(parameters, updates), state), None

        gradients = jax.numpy.asarray(prescribed_gradients(STEPS))
        (end, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), gradients)
        return np.array(getattr(end, "fast", end))
