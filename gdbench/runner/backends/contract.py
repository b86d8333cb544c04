"""What a backend is, and what it is given.

A backend trains trials and says which ones it cannot train. Whoever writes one needs `train_order`, which any process
or machine with the same code can call:

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

Trained = Generator[tuple[str, list[TrialRecord]], None, None]  # records as they end, with what trained them


class Order(NamedTuple):
    """A trial, and what a worker must have to train it. The hashes of its data stand in its definition.

    plugins: files of its rule and its function, with the hashes of their contents. code: hash of the kernels' source
    and of theirs.
    """

    trial: Trial
    plugins: tuple[tuple[str, str], ...]
    code: str


def orders_of(trials: Sequence[Trial]) -> list[Order]:
    """Orders for trials, with the plug-ins and the code that each needs."""
    needs: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {}
    for trial in trials:
        if trial.setting.hash not in needs:
            items = written_for(trial.definition)
            needs[trial.setting.hash] = plugins.files(items), code_hash(items)
    return [Order(trial, *needs[trial.setting.hash]) for trial in trials]


class Backend(Protocol):
    """Who trains. name: what is stored with each trial. summary: a sentence for the user; empty if there is no need."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    def refuses(self, setting: Setting) -> str:
        """Why it cannot train the trials of a setting, as what they are of; empty where it can."""
        ...

    def prepare(self, settings: Sequence[Setting]) -> None:
        """Compile what these need, so that their trials wait for nothing. It may refuse more of them afterwards."""
        ...

    def train(self, orders: Sequence[Order]) -> Trained:
        """Train trials that it does not refuse; the list of records may be empty while none has ended.

        A trial without a record is one that it let go of, and another backend may train it. Closing the generator
        cancels what has not ended.
        """
        ...

    def facts(self) -> dict[str, object]:
        """What a run keeps of the machine that trained its trials."""
        ...


class First:
    """Several backends as one: the first that does not refuse a trial trains it, and the next what it let go of."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self.backends = list(backends)

    @property
    def name(self) -> str:
        """That of the first."""
        return self.backends[0].name

    @property
    def summary(self) -> str:
        """What there is to say of any of them."""
        return " ".join(filter(None, (backend.summary for backend in self.backends)))

    def refuses(self, setting: Setting) -> str:
        """What the last one says where all refuse."""
        reasons = [backend.refuses(setting) for backend in self.backends]
        return reasons[-1] if all(reasons) else ""

    def taker(self, setting: Setting) -> Backend:
        """The backend that trains the trials of a setting; raises UsageError where none does."""
        for backend in self.backends:
            if not backend.refuses(setting):
                return backend
        raise UsageError(f"no backend trains {self.refuses(setting)}")

    def prepare(self, settings: Sequence[Setting]) -> None:
        """Each what it will train; the next also what this one turns out to refuse."""
        left = list(settings)
        for backend in self.backends:
            backend.prepare([setting for setting in left if not backend.refuses(setting)])
            left = [setting for setting in left if backend.refuses(setting)]

    def train(self, orders: Sequence[Order]) -> Trained:
        """One after another."""
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
        """Those of all."""
        return {name: fact for backend in reversed(self.backends) for name, fact in backend.facts().items()}


def train_order(
    order: Order, chunk: int = CHUNK, cancelled: Callable[[], bool] = lambda: False, threads: int = 1
) -> TrialRecord | None:
    """The record of an order, in whatever process; an error is a record too, of a trial that failed.

    Raises UsageError where this process would train something else: another plug-in, or other code.
    """
    for file, content in order.plugins:
        if plugins.load_file(file) != content:
            raise UsageError(f"plug-in {file} is not the one that the run began with; give every worker the same file")
    try:
        code = code_hash(written_for(order.trial.definition))
    except UsageError as error:
        raise UsageError(f"give this worker the plug-in of the trial, as a --plugin file: {error}") from None
    if code != order.code:
        raise UsageError("the code of this worker is not that of the run; install the same gdbench and plug-ins here")
    return safely(order.trial, chunk, cancelled, threads)


def safely(
    trial: Trial, chunk: int = CHUNK, cancelled: Callable[[], bool] = lambda: False, threads: int = 1
) -> TrialRecord | None:
    """`train`, with an error as a result: one bad trial must not take the others with it."""
    try:
        return train(trial, chunk, cancelled, threads)
    except Exception as error:
        return failed(trial, named(error))
