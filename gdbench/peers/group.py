"""One process per core, for libraries that train one trial after another: so their users run a sweep on several cores.

    with closing(Group(PEERS["jax"], cores=(0, 1))) as group:
        seconds = group.prepare("sweep", task)  # trials 0, 2, ... to the first process, 1, 3, ... to the second
        group.run("sweep", 3)  # three more calls of each, side by side

A group has the methods of a `Worker`. If one of its processes fails, all end.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdbench.errors import GdbenchError
from gdbench.peers.contract import Task
from gdbench.peers.worker import PATIENCE, Worker

if TYPE_CHECKING:
    from gdbench.peers import Peer


class Group:
    """Processes of a peer, each bound to one of the cores. Raises PeerError if one cannot be started."""

    def __init__(self, peer: "Peer", cores: Sequence[int], patience: float = PATIENCE) -> None:
        self.workers: list[Worker] = []
        try:
            for core in cores:
                self.workers.append(Worker(peer, (core,), patience))
        except GdbenchError:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether all processes are running."""
        return all(worker.alive for worker in self.workers)

    def prepare(self, key: str, task: Task) -> float:
        """Deal out the trials, at least as many as there are processes; see `Worker.prepare`."""
        for turn, worker in enumerate(self.workers):
            worker.tell("prepare", key, task.only(slice(turn, None, len(self.workers))))
        return max(map(float, self._answers()))

    def run(self, key: str, calls: int) -> None:
        """Make so many more calls in each process; returns when all are done."""
        self._ask("run", key, calls)

    def at_once(self, key: str) -> int:
        """How many trials a call trains for a chunk of steps, in all processes together."""
        return sum(map(int, self._ask("at_once", key)))

    def thetas(self, key: str) -> np.ndarray:
        """The parameters of a prepared task, trials x parameters, in the order of the trials."""
        parts = self._ask("thetas", key)
        together = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
        for turn, part in enumerate(parts):
            together[turn :: len(parts)] = part
        return together

    def forget(self) -> None:
        """Drop all prepared tasks."""
        self._ask("forget")

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers:
            worker.close()

    def _ask(self, *message: Any) -> list[Any]:
        for worker in self.workers:
            worker.tell(*message)
        return self._answers()

    def _answers(self) -> list[Any]:
        try:
            return [worker.answer() for worker in self.workers]
        except GdbenchError:
            self.close()  # else the other processes' answers would be taken for those to the next command
            raise
