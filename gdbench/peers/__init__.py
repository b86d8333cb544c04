"""Train the same trials with other libraries and with gdbench: do they agree, and how fast is each?"""

from importlib import import_module
from typing import Any, NamedTuple

from gdbench.peers.contract import Adapter, Task, UnsupportedError


class Peer(NamedTuple):
    """A library, used in one way.

    module, kind, options: of the adapter's class. needs: modules that must be installed. together: whether it trains
    trials side by side. device: `cpu` or `cuda`. extra: of gdbench, which installs the modules. cores: of its process
    at most, 0 for all. most: trials that it gets at most, 0 for all; its speed does not depend on their number.
    """

    module: str
    kind: str
    options: dict[str, Any]
    needs: tuple[str, ...]
    together: bool = False
    device: str = "cpu"
    extra: str = "peers"
    cores: int = 0
    most: int = 0


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

_TURNS: dict[str, Any] = {"device": "cuda", "most": 8}  # of peers that train one trial after another
_CUDA: dict[str, Any] = {"device": "cuda"}
_OURS: dict[str, Any] = {"module": "gdbench.peers.ours_cuda", "kind": "GdbenchCuda", "needs": ("numba_cuda",)}

# The peers on a GPU. `gdbench-cpu` shows how much faster a sweep is on the GPU. `jax-vmap-tf32` computes products in
# the precision that JAX chooses there, which is lower than float32's.
ON_CUDA = {
    OURS: Peer(**_OURS, options={}, together=True, device="cuda", extra="cuda"),
    "gdbench-cublas": Peer(**_OURS, options={"products": "cublas"}, extra="cuda", **_TURNS),
    "pytorch": Peer("gdbench.peers.pytorch", "PyTorch", dict(_CUDA), ("torch",), **_TURNS),
    "pytorch-fused": Peer("gdbench.peers.pytorch", "PyTorch", {**_CUDA, "fused": True}, ("torch",), **_TURNS),
    "pytorch-graphs": Peer("gdbench.peers.pytorch_graphs", "Graphs", {}, ("torch",), **_TURNS),
    "pytorch-stacked": Peer("gdbench.peers.pytorch_graphs", "Stacked", {}, ("torch",), together=True, device="cuda"),
    "jax": Peer("gdbench.peers.jax_optax", "Jax", {}, ("jax", "optax"), **_TURNS),
    "jax-vmap": Peer("gdbench.peers.jax_optax", "Jax", {"mapped": True}, ("jax", "optax"), together=True, **_CUDA),
    "jax-vmap-tf32": Peer(
        "gdbench.peers.jax_optax", "Jax", {"mapped": True, "exact": False}, ("jax", "optax"), together=True, **_CUDA
    ),
    "gdbench-cpu": Peer("gdbench.peers.ours", "Gdbench", {}, (), together=True, cores=2, most=64),
}
BACKENDS = {"cpu": PEERS, "cuda": ON_CUDA}


def absent(peer: Peer) -> str | None:
    """Why a peer cannot be used, with the command that installs it; None if it can."""
    from gdbench.machine.environment import missing  # imports the compiler, which a library's process does not need

    reason = missing(*peer.needs)
    return reason and f'{reason}; pip install "gdbench[{peer.extra}]"'


def load(peer: Peer) -> Adapter:
    """The adapter of a peer; it imports its library when it first prepares a task."""
    made: Adapter = getattr(import_module(peer.module), peer.kind)(**peer.options)
    return made


__all__ = ["BACKENDS", "ON_CUDA", "OURS", "PEERS", "Adapter", "Peer", "Task", "UnsupportedError", "absent", "load"]
