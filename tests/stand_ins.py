"""Stand-ins for libraries, each with one fault or none, for the worker processes of tests/peers/test_peers.py."""

import os
import time

import numpy as np

from gdbench.peers.contract import UnsupportedError


class Raises:
    """Fails with a message of two lines."""

    def prepare(self, task, threads):
        raise ValueError("no\nway")


class Exits:
    """Ends its process."""

    def prepare(self, task, threads):
        os._exit(3)


class Sleeps:
    """Never answers."""

    def prepare(self, task, threads):
        time.sleep(60)


class Unable:
    """Cannot express the task."""

    def prepare(self, task, threads):
        raise UnsupportedError(f"{task.rule} is too hard")


class Slow:
    """Sleeps for 1 ms a step, one trial after another, and learns nothing."""

    at_once = 1

    def prepare(self, task, threads):
        self.task, self.calls = task, 0
        return self

    def run(self):
        time.sleep(1e-3 * self.task.chunk)
        self.calls += 1

    def thetas(self):
        return self.task.thetas


class Crashes(Slow):
    """Ends its process at the fourth call of a task."""

    def run(self):
        super().run()
        if self.calls == 4:
            os._exit(4)


class Picky(Slow):
    """Takes one rule alone."""

    def prepare(self, task, threads):
        if task.rule != "sgd":
            raise UnsupportedError("sgd is all that there should be")
        return super().prepare(task, threads)


class Deserts(Slow):
    """Ends its process when it goes on with trials of which the first is not the task's."""

    def run(self):
        super().run()
        if 0 not in self.task.seeds and self.calls > self.task.trials:
            os._exit(5)


class Leaves(Slow):
    """Ends its process when it is told to let go of its task."""

    def __del__(self):
        if hasattr(self, "task"):
            os._exit(6)


class Counts(Slow):
    """Gives the cores that it may use, its number of threads and of calls, instead of parameters."""

    def prepare(self, task, threads):
        self.threads = threads
        return super().prepare(task, threads)

    def thetas(self):
        return np.array([sorted(os.sched_getaffinity(0)), [self.threads], [self.calls]])
