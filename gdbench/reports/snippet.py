"""The chosen setting as code to copy: for gdbench, PyTorch and Optax.

snippets("adam", {"lr": 0.003, "beta1": 0.9})  # {"gdbench": ..., "PyTorch": ..., "Optax": ...}
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gdbench.peers.contract import UnsupportedError
from gdbench.peers.optimizers import optax, pytorch


class _Call(str):
    """Code that calls a function of a library; an attribute of it is code too."""

    def __getattr__(self, name: str) -> "_Call":
        return _Call(f"{self}.{name}")

    def __call__(self, *given: Any, **named: Any) -> "_Call":
        arguments = [_written(value) for value in given]
        arguments += [f"{name}={_written(value)}" for name, value in named.items() if value is not None]
        return _Call(f"{self}({', '.join(arguments)})")


def snippets(rule: str, hyperparameters: Mapping[str, Any]) -> dict[str, str]:
    """Code by library, for the libraries that have the rule. hyperparameters: all of the rule, with lr."""
    lr, given = hyperparameters["lr"], dict(hyperparameters)
    table = ", ".join(f"{name} = {_toml(value)}" for name, value in given.items())
    found = {"gdbench": f'# in a suite (TOML)\n[rule]\n"{rule}" = {{{table}}}'}
    with suppress(UnsupportedError):
        name, options = pytorch(rule, given)
        call = _Call(f"torch.optim.{name}")(_Call("model.parameters()"), lr=lr, **options)
        found["PyTorch"] = f"optimizer = {call}"
    with suppress(UnsupportedError, KeyError):
        found["Optax"] = f"optimizer = {optax(rule, given, lr, _Call('optax'))}"
    return found


def _written(value: Any) -> str:
    return str(value) if isinstance(value, _Call) else repr(value)


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
