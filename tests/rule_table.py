"""Every scalar rule of this project, a row each, which drives the rule tests of every kind.

A new rule is its file in gdbench/kernels/rules/, its line in the `__init__.py` there, and a row here. Imports neither
gdbench nor what libraries there are, so that processes which choose how kernels are compiled can read it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PYTORCH, FUSED, JAX, SCIKIT = ("pytorch",), ("pytorch", "pytorch-fused"), ("jax", "jax-vmap"), ("scikit-learn",)


@dataclass(frozen=True)
class Network:
    """A network that is trained by the rule here and by peers, and which peers (gdbench/peers) can express that."""

    peers: tuple[str, ...]
    activation: str = "tanh"
    loss: str = "cross-entropy"
    hidden: tuple[int, ...] = (5,)
    l2: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the tests know of a rule, from the sources that its docstring names.

    step(p, g, state, t, h): one step by the formula, in float64, slow and obvious: the parameter after step t = 1, 2,
        ... with the hyperparameters h; `state` is a dict by slot that is changed. None for what wraps another rule.
    decoupled: weight decay shrinks the parameter; else it is added to the gradient.
    wraps: the rule that it goes around, where nothing is said.
    slots, defaults: the names of the state and the hyperparameters.
    hand: hyperparameters, and where two steps from 1 with the gradients 2 and -1 and lr 0.1 end, worked by hand.
    options: hyperparameters with which a hundred steps are compared with the formula, besides the defaults.
    sign: how long the first step is, in units of lr, where it goes against the gradient's sign; None where it does not.
    same: hyperparameters, another rule and its hyperparameters, which are the same to the bit.
    divides: whether its update divides by a coefficient of the step (kernels/arithmetic/quotient.py).
    torch: hyperparameters with which a thousand steps are compared with PyTorch; none where it has no such rule.
    optax: the same for Optax, by a name for the test: hyperparameters, and what makes its rule of the module.
    networks: what peers train with it; one at least.
    alone: why no library has it, for a rule without `torch` and `optax`.
    """

    step: Callable[..., Any] | None
    slots: tuple[str, ...] = ()
    defaults: Mapping[str, float | bool]
    hand: tuple[Mapping[str, Any], float]
    options: tuple[Mapping[str, Any], ...] = ()
    decoupled: bool = False
    wraps: str = ""
    sign: float | None = None
    same: tuple[tuple[Mapping[str, Any], str, Mapping[str, Any]], ...] = ()
    divides: bool = False
    torch: tuple[Mapping[str, Any], ...] = ()
    optax: Mapping[str, tuple[Mapping[str, Any], Callable[[Any], Any]]] = field(default_factory=dict)
    networks: tuple[Network, ...]
    alone: str = ""


def step(rule, p, g, state, t, h):
    """One step of a rule, or of `lookahead(RULE)`, by its formula."""
    name, _, inner = rule.rstrip(")").partition("(")
    row = ROWS[name]
    if row.wraps:
        slow = state.setdefault("slow", p)
        p = step(inner or row.wraps, p, g, state, t, h)
        if t % h["k"] == 0:
            state["slow"] = p = slow + h["alpha"] * (p - slow)
        return p
    decay = h["weight_decay"] * p
    p, g = (p - h["lr"] * decay, g) if row.decoupled else (p, g + decay)
    return row.step(p, g, state, t, h)


def _mean(state, slot, decay, value):
    state[slot] = decay * state.get(slot, 0.0) + (1 - decay) * value
    return state[slot]


def _velocity(g, state, h):
    state["v"] = h["momentum"] * state.get("v", 0.0) + g
    return state["v"]


def _sgd(p, g, state, t, h):
    return p - h["lr"] * g


def _momentum(p, g, state, t, h):
    return p - h["lr"] * _velocity(g, state, h)


def _nesterov(p, g, state, t, h):
    return p - h["lr"] * (g + h["momentum"] * _velocity(g, state, h))


def _adagrad(p, g, state, t, h):
    state["s"] = state.get("s", 0.0) + g**2
    return p - h["lr"] * g / (np.sqrt(state["s"]) + h["eps"])


def _adadelta(p, g, state, t, h):
    s = _mean(state, "s", h["rho"], g**2)
    change = np.sqrt((state.get("d", 0.0) + h["eps"]) / (s + h["eps"])) * g
    _mean(state, "d", h["rho"], change**2)
    return p - h["lr"] * change


def _rmsprop(p, g, state, t, h):
    variance = _mean(state, "s", h["rho"], g**2) - (_mean(state, "a", h["rho"], g) ** 2 if h["centered"] else 0)
    return p - h["lr"] * _velocity(g / (np.sqrt(variance) + h["eps"]), state, h)


def _means(g, state, h):
    return _mean(state, "m", h["beta1"], g), _mean(state, "v", h["beta2"], g**2)


def _adam(p, g, state, t, h):
    m, v = _means(g, state, h)
    return p - h["lr"] * _corrected(m, v, t, h)


def _amsgrad(p, g, state, t, h):
    m, v = _means(g, state, h)
    state["largest"] = np.maximum(state.get("largest", 0.0), v)
    return p - h["lr"] * _corrected(m, state["largest"], t, h)


def _corrected(m, v, t, h):
    if h["bias_correction"]:
        m, v = m / (1 - h["beta1"] ** t), v / (1 - h["beta2"] ** t)
    return m / (np.sqrt(v) + h["eps"])


def _adamax(p, g, state, t, h):
    m = _mean(state, "m", h["beta1"], g)
    state["u"] = np.maximum(h["beta2"] * state.get("u", 0.0), np.abs(g) + h["eps"])
    return p - h["lr"] * m / (1 - h["beta1"] ** t) / state["u"]


def _nadam(p, g, state, t, h):
    m, v = _means(g, state, h)
    mu = [h["beta1"] * (1 - 0.5 * 0.96 ** (i * h["momentum_decay"])) for i in range(1, t + 2)]
    g, m = (1 - mu[-2]) * g / (1 - math.prod(mu[:-1])), mu[-1] * m / (1 - math.prod(mu))
    return p - h["lr"] * (g + m) / (np.sqrt(v / (1 - h["beta2"] ** t)) + h["eps"])


def _radam(p, g, state, t, h):
    (m, v), beta2 = _means(g, state, h), h["beta2"]
    limit = 2 / (1 - beta2) - 1
    rho = limit - 2 * t * beta2**t / (1 - beta2**t)
    m = m / (1 - h["beta1"] ** t)
    if rho <= h["rectify_above"]:
        return p - h["lr"] * m
    r = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
    return p - h["lr"] * r * m * np.sqrt(1 - beta2**t) / (np.sqrt(v) + h["eps"])


def _lion(p, g, state, t, h):
    sign = np.sign(h["beta1"] * state.get("m", 0.0) + (1 - h["beta1"]) * g)
    _mean(state, "m", h["beta2"], g)
    return p - h["lr"] * sign


def _laprop(p, g, state, t, h):
    v = _mean(state, "v", h["beta2"], g**2) / (1 - h["beta2"] ** t)
    return p - h["lr"] * _mean(state, "m", h["beta1"], g / (np.sqrt(v) + h["eps"])) / (1 - h["beta1"] ** t)


_MOMENTUM = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.0}
_ADAMS = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
_BIASED = {"bias_correction": False}

# Two steps from 1 with the gradients 2 and -1, lr 0.1, from the papers' formulas.
_ADAM = 0.1 * 2 / (2 + 1e-8), 0.1 * 0.08 / 0.19 / (math.sqrt(0.004996 / (1 - 0.999**2)) + 1e-8)
_ADADELTA = 2 * math.sqrt(1e-6 / (0.4 + 1e-6))
_RMSPROP = 2 / (math.sqrt(0.04 - 0.02**2) + 1e-8)
_MU = [0.9 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (1, 2, 3)]
_NADAM = (
    0.1 * (2 + _MU[1] / (1 - _MU[0] * _MU[1]) * 0.2) / (2 + 1e-8),
    0.1
    * (-(1 - _MU[1]) / (1 - _MU[0] * _MU[1]) + _MU[2] / (1 - math.prod(_MU)) * 0.08)
    / (math.sqrt(0.004996 / (1 - 0.999**2)) + 1e-8),
)
_TINY = 1e-40  # Optax adds RAdam's eps elsewhere, so that both must do without

ROWS = {
    "sgd": Row(
        step=_sgd,
        defaults={"lr": 1e-3, "weight_decay": 0.0},
        hand=({}, 1 - 0.2 + 0.1),
        torch=({},),
        networks=(Network((*FUSED, *JAX, *SCIKIT)),),
    ),
    "momentum": Row(
        step=_momentum,
        slots=("v",),
        defaults=_MOMENTUM,
        hand=({}, 1 - 0.1 * 2 - 0.1 * (0.9 * 2 - 1)),
        options=({"momentum": 0.5},),
        same=(({"momentum": 0.0}, "sgd", {}),),
        torch=({}, {"momentum": 0.5}),
        networks=(Network((*FUSED, *JAX), "sigmoid", "mse", l2=0.1),),
    ),
    "nesterov": Row(
        step=_nesterov,
        slots=("v",),
        defaults=_MOMENTUM,
        hand=({}, 1 - 0.1 * (2 + 0.9 * 2) - 0.1 * (-1 + 0.9 * (0.9 * 2 - 1))),
        same=(({"momentum": 0.0}, "sgd", {}),),
        torch=({},),
        networks=(Network((*FUSED, *JAX, *SCIKIT), "relu", hidden=(7, 3)),),
    ),
    "adagrad": Row(
        step=_adagrad,
        slots=("s",),
        defaults={"lr": 1e-2, "eps": 1e-10, "weight_decay": 0.0},
        hand=({}, 1 - 0.1 * 2 / (2 + 1e-10) + 0.1 * 1 / (math.sqrt(5) + 1e-10)),
        options=({"eps": 1e-3},),
        sign=1.0,
        torch=({},),
        networks=(Network((*FUSED, *JAX), "leaky-relu", "binary-cross-entropy"),),
    ),
    "adadelta": Row(
        step=_adadelta,
        slots=("s", "d"),
        defaults={"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
        hand=({}, 1 - 0.1 * (_ADADELTA - math.sqrt((0.1 * _ADADELTA**2 + 1e-6) / (0.46 + 1e-6)))),
        options=({"rho": 0.5, "eps": 1e-3},),
        torch=({}, {"rho": 0.99, "eps": 1e-3}),
        networks=(Network((*PYTORCH, *JAX), "gelu", "huber"),),
    ),
    "rmsprop": Row(
        step=_rmsprop,
        slots=("s", "a", "v"),
        defaults={"lr": 1e-2, "rho": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False},
        hand=(
            {"centered": True, "momentum": 0.9},
            1 - 0.1 * _RMSPROP - 0.1 * (0.9 * _RMSPROP - 1 / (math.sqrt(0.0496 - 0.0098**2) + 1e-8)),
        ),
        options=({"rho": 0.9}, {"centered": True}, {"momentum": 0.5}, {"centered": True, "momentum": 0.9}),
        sign=1 / math.sqrt(1 - 0.99),
        torch=({}, {"rho": 0.9}, {"centered": True}, {"momentum": 0.9}, {"centered": True, "momentum": 0.9}),
        networks=(Network((*PYTORCH, *JAX), "identity", l2=0.1),),
    ),
    "adam": Row(
        step=_adam,
        slots=("m", "v"),
        defaults={**_ADAMS, "bias_correction": True},
        hand=({}, 1 - _ADAM[0] - _ADAM[1]),
        options=({"beta1": 0.8}, _BIASED),
        sign=1.0,
        divides=True,
        torch=({}, {"beta1": 0.5, "beta2": 0.9}),
        networks=(
            Network((*FUSED, *JAX, *SCIKIT), "relu", hidden=(4, 6, 5)),
            Network((*FUSED, *JAX, *SCIKIT), hidden=()),
        ),
    ),
    "amsgrad": Row(
        step=_amsgrad,
        slots=("m", "v", "largest"),
        defaults={**_ADAMS, "bias_correction": True},
        # v = 2, then 1.5: the larger one stays.
        hand=({"beta2": 0.5}, 1 - 0.2 / (2 + 1e-8) - 0.1 * 0.08 / 0.19 / (math.sqrt(2 / 0.75) + 1e-8)),
        options=(_BIASED, {"beta2": 0.9}),
        sign=1.0,
        divides=True,
        torch=({},),
        networks=(Network(FUSED, "gelu", "mse"),),
    ),
    "adamax": Row(
        step=_adamax,
        slots=("m", "u"),
        defaults={**_ADAMS, "lr": 2e-3},
        hand=({}, 1 - 0.2 / (2 + 1e-8) - 0.1 * 0.08 / 0.19 / (0.999 * (2 + 1e-8))),
        options=({"beta2": 0.9},),
        sign=1.0,
        torch=({},),
        networks=(Network((*PYTORCH, *JAX), "sigmoid", "huber", (7, 3)),),
    ),
    "nadam": Row(
        step=_nadam,
        slots=("m", "v"),
        defaults={**_ADAMS, "lr": 2e-3, "momentum_decay": 4e-3},
        hand=({}, 1 - _NADAM[0] - _NADAM[1]),
        options=(
            {"momentum_decay": 1.0},
            {"momentum_decay": 0.0},
            {"beta1": 0.99, "momentum_decay": 1.0},
            {"beta1": 0.0},
        ),
        divides=True,
        torch=({}, {"momentum_decay": 0.5}, {"beta1": 0.99, "momentum_decay": 1.0}),
        networks=(Network(PYTORCH, loss="binary-cross-entropy", l2=0.1),),
    ),
    "adamw": Row(
        step=_adam,
        decoupled=True,
        slots=("m", "v"),
        defaults={**_ADAMS, "weight_decay": 1e-2, "bias_correction": True},
        hand=({}, (1 * 0.999 - _ADAM[0]) * 0.999 - _ADAM[1]),
        options=(_BIASED,),
        sign=1.0,
        same=(({"weight_decay": 0.0}, "adam", {}), ({"weight_decay": 0.0, **_BIASED}, "adam", _BIASED)),
        divides=True,
        torch=({},),
        networks=(Network((*FUSED, *JAX), "relu", "mse"),),
    ),
    "radam": Row(
        step=_radam,
        slots=("m", "v"),
        defaults={**_ADAMS, "rectify_above": 5.0},
        hand=({}, 1 - 0.1 * 2 - 0.1 * 0.08 / 0.19),  # too early to be rectified
        options=({"rectify_above": 4.0}, {"beta2": 0.9}, {"beta2": 0.5}),
        torch=({}, {"beta2": 0.9}),
        networks=(Network((*PYTORCH, *JAX)),),
    ),
    "lookahead": Row(
        step=None,
        wraps="adam",
        slots=("m", "v", "slow"),
        defaults={**_ADAMS, "bias_correction": True, "k": 5, "alpha": 0.5},
        hand=({"k": 2}, 1 - 0.5 * (_ADAM[0] + _ADAM[1])),
        options=(_BIASED, {"k": 1}),
        divides=True,
        optax={
            "": ({}, lambda optax: optax.lookahead(optax.adam(1e-3), 5, 0.5)),
            "k": ({"k": 7, "alpha": 0.8}, lambda optax: optax.lookahead(optax.adam(1e-3), 7, 0.8)),
        },
        networks=(Network(JAX, loss="huber"),),
    ),
    "ranger": Row(
        step=None,
        wraps="radam",
        slots=("m", "v", "slow"),
        defaults={**_ADAMS, "beta1": 0.95, "eps": 1e-5, "rectify_above": 5.0, "k": 6, "alpha": 0.5},
        hand=({"k": 2}, 1 - 0.5 * (0.1 * 2 + 0.1 * 0.045 / 0.0975)),
        same=(({"alpha": 1.0}, "radam", {"beta1": 0.95, "eps": 1e-5}),),
        optax={
            "": ({"eps": _TINY}, lambda optax: optax.lookahead(optax.radam(1e-3, b1=0.95, eps=_TINY), 6, 0.5)),
        },
        networks=(Network((), "relu"),),
    ),
    "lion": Row(
        step=_lion,
        decoupled=True,
        slots=("m",),
        defaults={"lr": 1e-4, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
        hand=({"weight_decay": 0.5}, 0.85 - 0.1 * (-1 + 0.5 * 0.85)),
        options=({"beta1": 0.5, "beta2": 0.9},),
        sign=1.0,
        optax={
            "": ({}, lambda optax: optax.lion(1e-4, weight_decay=0.0)),
            "weight_decay": ({"weight_decay": 0.1, "lr": 1e-3}, lambda optax: optax.lion(1e-3, weight_decay=0.1)),
            "betas": ({"beta1": 0.5, "beta2": 0.9}, lambda optax: optax.lion(1e-4, b1=0.5, b2=0.9, weight_decay=0.0)),
        },
        networks=(Network(JAX),),
    ),
    "laprop": Row(
        step=_laprop,
        decoupled=True,
        slots=("m", "v"),
        defaults={**_ADAMS, "lr": 4e-4, "eps": 1e-15},
        hand=({}, 1 - 0.1 - 0.1 * (0.09 - 0.1 / math.sqrt(0.004996 / (1 - 0.999**2))) / 0.19),
        options=({"beta1": 0.0}, {"beta1": 0.5, "beta2": 0.9, "eps": 1e-3}),
        sign=1.0,
        divides=True,
        networks=(Network((), "gelu"),),
        alone="PyTorch and Optax have no LaProp",
    ),
}
