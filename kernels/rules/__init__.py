"""The update rules, one file each; importing this package registers them."""

from gdbench.kernels.rules import adagrad, adam, momentum, nesterov, rmsprop, sgd

__all__ = ["adagrad", "adam", "momentum", "nesterov", "rmsprop", "sgd"]
