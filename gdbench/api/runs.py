"""`gdbench.run`, `gdbench.load` and `gdbench.Run`: run a suite, or read a run that was stored or exported."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdbench.errors import UsageError, shown
from gdbench.inputs import limits
from gdbench.inputs.writing import write_text
from gdbench.results.curves import ALL, Points
from gdbench.results.files import DATABASE, RESULTS
from gdbench.store import RunRecord, Store

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

    from gdbench.results.frames import Frames
    from gdbench.runner import Watcher
    from gdbench.runner.backends.contract import Backend
    from gdbench.suites import Suite


class Run:
    """The results of one execution of a suite, as pandas frames in long form.

    id: the run's name in its store. state: `complete`, `failed`, `interrupted` or `running`.
    points: `all`, or `first` to read only the first point of each curve; then `targets` has no rows.
    What is read is compared with the hashes stored with it; raises DamagedError if they differ.
    """

    points: Points = ALL

    def __init__(self, store: Store, record: RunRecord, damaged: str = "stop") -> None:
        self._store, self.record, self._damaged = store, record, damaged
        self.id, self.state = record.run, record.state

    @classmethod
    def from_file(cls, path: str | Path) -> "Run":
        """A run that `gdbench export` wrote."""
        from gdbench.results.export import read_export

        run = cls.__new__(cls)
        run.__dict__["frames"] = frames = read_export(Path(path))
        run.id, run.state = frames.about["run"], frames.about["state"]
        return run

    @cached_property
    def frames(self) -> "Frames":
        """All frames, read from the store once."""
        from gdbench.results.frames import frames_of  # pandas, which importing gdbench must not load

        return frames_of(self._store.read(self.record.run, damaged=self._damaged, points=self.points))

    @property
    def trials(self) -> "pd.DataFrame":
        """A row per trial: what it was, how it ended, its losses and metrics at the end."""
        return self.frames.trials

    @property
    def curves(self) -> "pd.DataFrame":
        """A row per evaluation point: trial, step, epoch, losses and metrics, grad_norm, lr of the last step."""
        return self.frames.curves

    @property
    def targets(self) -> "pd.DataFrame":
        """For each trial and level of the target, the first step that meets it; infinite if there is none."""
        return self.frames.targets

    @property
    def timings(self) -> "pd.DataFrame":
        """Raw samples of the cost of steps: subject, backend, round, sample, seconds, steps."""
        return self.frames.timings

    @property
    def subjects(self) -> "pd.DataFrame":
        """What each subject of `timings` does: part, problem, rule, batch_size, dtype, jobs, flops, bytes, ..."""
        return self.frames.subjects

    @property
    def environment(self) -> dict[str, Any]:
        """The machine, the versions, the compiler's target."""
        return self.frames.environment

    @property
    def about(self) -> dict[str, Any]:
        """What was run: suite, title, target, when, state, code, commit."""
        return self.frames.about

    @property
    def notices(self) -> list[str]:
        """Sentences about what was left out because it is damaged, and about what could not be checked."""
        return list(self.about.get("notices", ()))

    @property
    def ranking(self) -> "pd.DataFrame":
        """A row per problem and rule, the soonest first; see `stats/soonest.py`.

        `problem, rule, lr, batch_size, unit, to_target, low, high, ratio, ratio_low, ratio_high, p_holm, group,
        reached, test`. unit: `time` (seconds) where the timing can be trusted, else `epochs` (`steps` for functions).
        Rules of one group cannot be told apart by the seeds.
        """
        from gdbench.reports.judgement import ranking

        return ranking(self.frames)

    @property
    def answers(self) -> list[str]:
        """The page's sentences: what to use for each problem, and what limits the answer."""
        from gdbench.reports.caveats import answers

        return answers(self.frames)

    def figure(self, name: str, problem: str | None = None) -> "Drawing":
        """A figure of the page as matplotlib's Figure, such as `standing`, `loss_curves`, `sensitivity`, `heat_map`.

        problem: which one, for figures of one problem; the first by default. Raises UsageError for an unknown name.
        """
        from gdbench.reports.notebook import figure

        return figure(self.frames, name, problem)

    def plot(self) -> "Drawing":
        """The cost to the target by rule, of the first problem."""
        return self.figure("standing")

    def _repr_html_(self) -> str:
        """What a notebook shows: the first screen of the page."""
        from gdbench.reports.notebook import first_screen

        return first_screen(self.frames)

    def for_target(self, metric: str, level: float) -> "Run":
        """The same run judged by another target, without training: `run.for_target("val_accuracy", 0.82)`.

        Crossings are then known to the evaluated points alone, and shown as brackets; see results/retarget.py. Raises
        UsageError for a metric without curves, and if the trials stopped at their own target.
        """
        from gdbench.results.retarget import retargeted

        if self.points != ALL:
            raise UsageError(f"run {self.id} was loaded without its curves' points; load it with points = {ALL!r}")
        run = type(self).__new__(type(self))
        run.__dict__["frames"] = retargeted(self.frames, metric, level)
        run.id, run.state = self.id, self.state
        return run

    def report(self, path: str | Path, *others: "Run") -> Path:
        """Write the page, one self-contained HTML file, and return its path. others: runs to show beside this one."""
        from gdbench.lessons import of_run
        from gdbench.reports.page import render

        path = Path(path)
        wrong = next((other for other in others if not isinstance(other, Run)), None)
        if wrong is not None:
            raise UsageError(f"{shown(wrong)} is not a run; gdbench.load({shown(str(wrong))}) may load it")
        ids = [run.id for run in (self, *others)]
        twice = next((name for name in ids if ids.count(name) > 1), None)
        if twice:
            raise UsageError(f"run {twice} is named twice; a page puts different runs side by side")
        frames = [run.frames for run in (self, *others)]
        write_text(path, render(*frames, lessons=[] if others else of_run(self.frames)))
        return path

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.state})"


def run(
    suite: "str | Path | Mapping[str, Any] | Suite" = "quick",
    *,
    store: str | Path | None = None,
    jobs: int | None = None,
    backend: "str | Backend" = "auto",
    seeds: int | None = None,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    chunk: int | None = None,
    fresh: bool = False,
    extend: bool = False,
    time: bool = True,
    watcher: "Watcher | None" = None,
    deliver: Callable[[Run], object] | None = None,
) -> Run:
    """Run a suite, or continue its latest run if that is unfinished.

    suite: a shipped suite's name, a TOML file's path, a dict of the same shape, or a suite already loaded.
    store: a database URL or a file's path; `gdbench-results/gdbench.db` in the current folder by default.
    jobs: threads, all cores by default. chunk: steps per call, 1000 by default. Neither changes a bit of the results.
    backend: cpu, cuda, or auto, which takes the GPU if one can be used and a trial suits it; or a backend of your own
    (gdbench/runner/backends/contract.py). No bit depends on it.
    extend: while a best learning rate stands at an edge of its grid, try one more beyond it, up to 12 of a rule. Trials
    that a complete run of the suite has are copied.
    time: measure the cost of steps on the CPU after the trials, in a tenth of their time (`Run.timings`).
    overrides: `KEY=VALUE` texts that override keys of the suite. plugins: files that register rules.
    deliver: makes what else belongs to the run, such as its page. If the process ends before that, the same call makes
    it from the stored run.
    Raises GdbenchError, whose message is one sentence, if any of these is wrong.
    """
    from gdbench import suites  # loads the kernels, which reading a run does not need
    from gdbench.runner import CHUNK, run_suite
    from gdbench.stats import choose

    jobs, chunk = _count("jobs", jobs, limits.JOBS), _count("chunk", chunk, limits.CHUNK)
    seeds = _count("seeds", seeds, limits.STEPS)
    _load_plugins(_texts("plugins", plugins))
    database = _store(store)
    if not isinstance(suite, suites.Suite):
        suite = suites.load(suite, overrides=[str(text) for text in _texts("overrides", overrides)], seeds=seeds)
        suite.add_plugins(_texts("plugins", plugins))
    name = run_suite(
        suite,
        database,
        choose=choose,
        jobs=jobs,
        backend=backend,
        chunk=chunk or CHUNK,
        fresh=fresh,
        extend=extend,
        timing=time,
        watcher=watcher,
        hold=deliver is not None,
    )
    done = Run(database, database.find(name))
    if deliver is not None:
        deliver(done)
        database.release(name)
    return done


def load(store: str | Path | None = None, run: str = "latest", *, damaged: str = "stop") -> Run:
    """A stored run, by its id, a unique beginning of it, `latest` or `latest~1`; or an exported run.

    store: a database URL or a file's path (`gdbench-results/gdbench.db` in the current folder by default), or what
    `gdbench export` wrote: a JSON file, or a folder of CSV or Parquet files.
    damaged: what to do if stored trials or timings do not match their hashes. `stop` raises DamagedError when they are
    read; `skip` leaves them out, and `Run.notices` says which.
    """
    if damaged not in ("stop", "skip"):
        raise UsageError(f"damaged = {damaged!r} is neither 'stop' nor 'skip'")
    if isinstance(store, str | Path) and is_export(Path(store)):
        return Run.from_file(store)
    database = _store(store)
    if not isinstance(run, str):
        raise UsageError(f"run = {shown(run)} must be text: an id, the beginning of one, or 'latest'")
    return Run(database, database.find(run, damaged=damaged), damaged)


def is_export(path: Path) -> bool:
    """Whether a path looks like what `gdbench export` writes."""
    return path.suffix == ".json" or os.path.isfile(path / "about.json")  # no error for a name that is too long


def _store(store: str | Path | None) -> Store:
    if store is not None and not isinstance(store, str | Path):
        raise UsageError(f"store = {shown(store)} must be a database URL or a file's path")
    return Store(RESULTS / DATABASE if store is None else store)


def _count(name: str, value: Any, most: int) -> int | None:
    """A whole number from 1 to `most`, of Python or NumPy; or None."""
    if value is None:
        return None
    try:
        number = 0 if isinstance(value, bool) else index(value)
    except TypeError:
        number = 0
    if not 1 <= number <= most:
        raise UsageError(f"{name} = {shown(value)} must be a whole number from 1 to {most:,}")
    return number


def _texts(name: str, value: Any) -> list[str | Path]:
    """A list of texts or paths; a single one becomes a list of one."""
    if isinstance(value, str | Path):
        return [value]
    texts = list(value) if isinstance(value, Iterable) else [value]
    if not all(isinstance(text, str | Path) for text in texts):
        raise UsageError(f"{name} = {shown(value)} must be a list of strings")
    return texts


def _load_plugins(files: Iterable[str | Path]) -> None:
    from gdbench import plugins as plugin_loader  # loads the kernels

    plugin_loader.load_installed()
    for file in files:
        plugin_loader.load_file(file)
