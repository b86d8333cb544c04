"""The same trials by other libraries, and by gdbench: do they agree, and how fast is each?"""

from importlib import import_module
from typing import NamedTuple

from gdbench.peers.contract import Adapter, Task, UnsupportedError


class Peer(NamedTuple):
    """Where an adapter is, how it is made, which modules it needs, and whether it trains trials side by side."""

    module: str
    kind: str
    options: dict[str, bool]
    needs: tuple[str, ...]
    together: bool = False


OURS = "gdbench"
PEERS = {
    OURS: Peer("gdbench.peers.ours", "Gdbench", {}, (), together=True),
    "pytorch": Peer("gdbench.peers.pytorch", "PyTorch", {}, ("torch",)),
    "pytorch-fused": Peer("gdbench.peers.pytorch", "PyTorch", {"fused": True}, ("torch",)),
    "pytorch-compile": Peer("gdbench.peers.pytorch", "PyTorch", {"compiled": True}, ("torch",)),
    "jax": Peer("gdbench.peers.jax_optax", "Jax", {}, ("jax", "optax")),
    "jax-vmap": Peer("gdbench.peers.jax_optax", "Jax", {"mapped": True}, ("jax", "optax"), together=True),
    "scikit-learn": Peer("gdbench.peers.scikit_learn", "ScikitLearn", {}, ("sklearn",)),
}


def absent(name: str) -> str | None:
    """Why the peer of that name cannot be asked, with the line that installs it, or None."""
    from gdbench.environment import missing  # brings the compiler along, and a library's process does without

    reason = missing(*PEERS[name].needs)
    return reason and f'{reason}; pip install "gdbench[peers]"'


def load(peer: Peer) -> Adapter:
    """The adapter of a peer, whose library is imported when it first prepares a task."""
    made: Adapter = getattr(import_module(peer.module), peer.kind)(**peer.options)
    return made


__all__ = ["OURS", "PEERS", "Adapter", "Peer", "Task", "UnsupportedError", "absent", "load"]
