"""The update rules, one file each; importing this package registers them."""

from gdbench.kernels.rules import (
    adadelta,
    adagrad,
    adam,
    adamax,
    adamw,
    amsgrad,
    laprop,
    lion,
    lookahead,
    momentum,
    nadam,
    nesterov,
    radam,
    ranger,
    rmsprop,
    sgd,
)

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "amsgrad",
    "laprop",
    "lion",
    "lookahead",
    "momentum",
    "nadam",
    "nesterov",
    "radam",
    "ranger",
    "rmsprop",
    "sgd",
]
