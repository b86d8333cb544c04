"""The same trials by other libraries, and by gdbench: do they agree, and how fast is each?"""

from importlib import import_module
from typing import NamedTuple

from gdbench.environment import missing
from gdbench.peers.contract import Adapter, Task, UnsupportedError


class Peer(NamedTuple):
    """Where an adapter is, how it is made, and which packages it needs."""

    module: str
    kind: str
    options: dict[str, bool]
    packages: tuple[str, ...]


OURS = "gdbench"
PEERS = {
    OURS: Peer("ours", "Gdbench", {}, ()),
    "pytorch": Peer("pytorch", "PyTorch", {}, ("torch",)),
    "pytorch-fused": Peer("pytorch", "PyTorch", {"fused": True}, ("torch",)),
    "pytorch-compile": Peer("pytorch", "PyTorch", {"compiled": True}, ("torch",)),
    "jax": Peer("jax_optax", "Jax", {}, ("jax", "optax")),
    "jax-vmap": Peer("jax_optax", "Jax", {"mapped": True}, ("jax", "optax")),
    "scikit-learn": Peer("scikit_learn", "ScikitLearn", {}, ("sklearn",)),
}


def absent(name: str) -> str | None:
    """Why the peer of that name cannot be asked, with the line that installs it, or None."""
    reason = missing(*PEERS[name].packages)
    return reason and f'{reason}; pip install "gdbench[peers]"'


def load(name: str) -> Adapter:
    """The adapter of that name, whose library is imported when it first prepares a task."""
    peer = PEERS[name]
    made: Adapter = getattr(import_module(f"gdbench.peers.{peer.module}"), peer.kind)(**peer.options)
    return made


__all__ = ["OURS", "PEERS", "Adapter", "Peer", "Task", "UnsupportedError", "absent", "load"]
