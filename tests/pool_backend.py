"""A backend that a user might write: processes of this machine, which get nothing but orders."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from gdbench.runner.backends.contract import train_order


class Pool:
    """So many processes."""

    name, summary = "pool", ""

    def __init__(self, processes=2):
        self.processes = processes

    def refuses(self, setting):
        """Nothing."""
        return ""

    def prepare(self, settings):
        """Each process compiles by itself, or finds what another kept."""

    def train(self, orders):
        """In their order."""
        with ProcessPoolExecutor(self.processes, mp_context=get_context("spawn")) as pool:
            for record in pool.map(train_order, orders):
                yield self.name, [record]

    def facts(self):
        """How many there are."""
        return {"jobs": self.processes}
