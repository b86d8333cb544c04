"""What a backend is, and what it gets.

A backend trains trials, and says which ones it cannot train. To write one you need `train_order`, which any process or
machine with the same code can call:

    class Elsewhere:
        name = "elsewhere"
        def refuses(self, setting): return ""
        def prepare(self, settings): pass
        def train(self, orders): yield self.name, [train_order(order) for order in orders]
        ...

    gdbench.run("quick", backend=Elsewhere())
"""

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, Protocol

from gdbench import plugins
from gdbench.errors import UsageError
from gdbench.results.records import TrialRecord
from gdbench.runner.code import code_hash, written_for
from gdbench.runner.trajectory import failed, named
from gdbench.runner.trial import CHUNK, train
from gdbench.suites import Setting, Trial

Trained = Generator[tuple[str, list[TrialRecord]], None, None]  # a backend's name, and records of trials that ended


class Order(NamedTuple):
    """A trial, and what a worker needs to train it. The trial's definition holds the hashes of its data.

    plugins: the plug-in files of its rule and function, each with the hash of its content. code: the hash of the
    kernels' source and of these plug-ins'.
    """

    trial: Trial
    plugins: tuple[tuple[str, str], ...]
    code: str


def orders_of(trials: Sequence[Trial]) -> list[Order]:
    """The orders of trials, each with the plug-ins and the code that it needs."""
    needs: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {}
    for trial in trials:
        if trial.setting.hash not in needs:
            items = written_for(trial.definition)
            needs[trial.setting.hash] = plugins.files(items), code_hash(items)
    return [Order(trial, *needs[trial.setting.hash]) for trial in trials]


class Backend(Protocol):
    """Trains the trials of a run. name: is stored with each trial. summary: a sentence for the user; may be empty."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    def refuses(self, setting: Setting) -> str:
        """Why it cannot train the trials of a setting, such as "direction rules"; empty if it can."""
        ...

    def prepare(self, settings: Sequence[Setting]) -> None:
        """Compile what these settings need, so that no trial waits. It may refuse more of them afterwards."""
        ...

    def train(self, orders: Sequence[Order]) -> Trained:
        """Train trials that it does not refuse, and yield their records; a list may be empty if no trial has ended.

        If a trial gets no record, the backend has given it up, and another one may train it. Closing the generator
        cancels the trials that have not ended.
        """
        ...

    def facts(self) -> dict[str, object]:
        """Facts about the machine that trains, which are stored with the run."""
        ...


class First:
    """Several backends as one. The first that does not refuse a trial trains it; if that one gives it up, the next."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self.backends = list(backends)

    @property
    def name(self) -> str:
        """The name of the first backend."""
        return self.backends[0].name

    @property
    def summary(self) -> str:
        """The summaries of all backends."""
        return " ".join(filter(None, (backend.summary for backend in self.backends)))

    def refuses(self, setting: Setting) -> str:
        """The reason of the last backend if all refuse; else empty."""
        reasons = [backend.refuses(setting) for backend in self.backends]
        return reasons[-1] if all(reasons) else ""

    def taker(self, setting: Setting) -> Backend:
        """The backend that trains the trials of a setting. Raises UsageError if all refuse."""
        for backend in self.backends:
            if not backend.refuses(setting):
                return backend
        raise UsageError(f"no backend trains {self.refuses(setting)}")

    def prepare(self, settings: Sequence[Setting]) -> None:
        """Let each backend prepare what it will train; the next one also gets what this one then refuses."""
        left = list(settings)
        for backend in self.backends:
            backend.prepare([setting for setting in left if not backend.refuses(setting)])
            left = [setting for setting in left if backend.refuses(setting)]

    def train(self, orders: Sequence[Order]) -> Trained:
        """Let the backends train one after another."""
        left = list(orders)
        for backend in self.backends:
            ended: set[int] = set()
            training = backend.train([order for order in left if not backend.refuses(order.trial.setting)])
            try:
                for name, records in training:
                    ended.update(record.trial for record in records)
                    yield name, records
            finally:
                training.close()
            left = [order for order in left if order.trial.index not in ended]

    def facts(self) -> dict[str, object]:
        """The facts of all backends; where two name one fact, the first backend's holds."""
        return {name: fact for backend in reversed(self.backends) for name, fact in backend.facts().items()}


def train_order(
    order: Order, chunk: int = CHUNK, cancelled: Callable[[], bool] = lambda: False, threads: int = 1
) -> TrialRecord | None:
    """Train an order in any process; returns the trial's record, or None if it was cancelled.

    An error makes a record of a failed trial. Raises UsageError if this process has another plug-in or other code.
    chunk, cancelled, threads: as `train` takes them.
    """
    plugins.load_installed()
    for file, content in order.plugins:
        if plugins.load_file(file) != content:
            raise UsageError(f"plug-in {file} is not the one that the run began with; give every worker the same file")
    try:
        code = code_hash(written_for(order.trial.definition))
    except UsageError as error:
        raise UsageError(
            "a worker lacks what its trial needs: install the same packages there, and give rules of your own as "
            f"plug-in files ({error})"
        ) from None
    if code != order.code:
        raise UsageError("the code of this worker is not that of the run; install the same gdbench and plug-ins here")
    return safely(order.trial, chunk, cancelled, threads)


def safely(
    trial: Trial, chunk: int = CHUNK, cancelled: Callable[[], bool] = lambda: False, threads: int = 1
) -> TrialRecord | None:
    """`train`, where an error makes a record of a failed trial, so that the other trials go on."""
    try:
        return train(trial, chunk, cancelled, threads)
    except Exception as error:
        return failed(trial, named(error))
