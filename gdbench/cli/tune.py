"""`gdbench tune`."""

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.kept import keep
from gdbench.cli.options import (
    EncodeOption,
    JobsOption,
    JsonOption,
    NoPluginsOption,
    OutOption,
    PluginOption,
    PredictOption,
    load_plugins,
)
from gdbench.cli.output import print_json, print_table, say
from gdbench.errors import UsageError, shown
from gdbench.results.files import RESULTS

if TYPE_CHECKING:
    from gdbench.runner.tuning import Search
    from gdbench.store import TrialRecord

BAR = 24  # characters of the longest bar


def tune(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule to tune.")],
    problem: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM", help="A data set, its path, a test function, FILE.toml, or FILE.toml:NAME of a suite."
        ),
    ],
    predict: PredictOption = None,
    encode: EncodeOption = False,
    lr: Annotated[
        str | None,
        typer.Option(
            "--lr",
            metavar="LIST",
            help="Learning rates: 1e-3,1e-2,1e-1 or a grid as in a suite.",
            show_default="{log = [1e-4, 1.0, 9]}",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another hyperparameter (momentum=0.95), a key of a suite (budget.epochs=5) or of the problem "
            "(problem.hidden=[64]); may be repeated.",
        ),
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option(
            "--subset",
            metavar="N",
            help="Samples to search on, or a share of them such as 0.1.",
            show_default="a fifth, or four batches of 32 if that is more",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=1, help="Seeds to search on, and as many others to report.")
    ] = 5,
    out: OutOption = RESULTS,
    jobs: JobsOption = None,
    plugin: PluginOption = None,
    no_plugins: NoPluginsOption = False,
    extend: Annotated[bool, typer.Option("--extend", help="Extend the list while the best is at its edge.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the best learning rate.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Search the learning rate: a list of values on a random subset of the data, then the best on all of it.

    Every value is tried on several seeds. The best is then trained on all data and on other seeds, beside the rule's
    default. The results go to a JSON file in the folder of --out.
    """
    from gdbench.cli.progress import Bar
    from gdbench.runner import tuning

    load_plugins(plugin)
    with ExitStack() as stack:
        search = tuning.tune(
            rule,
            problem,
            predict=predict,
            encode=encode,
            lr=tuning.GRID if lr is None else _rates(lr),
            settings=overrides or (),
            subset=None if subset is None else _subset(subset),
            seeds=seeds,
            jobs=jobs,
            extend=extend,
            watcher=None if quiet or as_json else stack.enter_context(Bar()),
        )
    document = _document(search)
    kept = keep(f"tune-{search.rule}-{search.problem}", out, document)
    if as_json:
        print_json(document)
    elif quiet:
        say(f"{search.best:g}")
    else:
        _print(search)
        if kept is not None:
            say(f"results: {kept}")


def _rates(text: str) -> Any:
    """Learning rates: a list such as `.1,1e-2`, or a grid as in a suite."""
    from gdbench.suites.typed import UnreadableError, value_of

    try:
        return value_of(text, listed=True)
    except UnreadableError as error:
        raise UsageError(
            f"--lr {shown(text)} {error}; write learning rates such as 1e-3,1e-2 or a grid such as "
            "{log = [1e-4, 1.0, 9]}"
        ) from None


def _subset(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise UsageError(f"--subset {text} must be a number of samples, or a share such as 0.2")
    return share


def _row(lr: float, trials: "list[TrialRecord]") -> dict[str, Any]:
    """The results of one learning rate."""
    import numpy as np

    from gdbench.results.metrics import SCORES, worst
    from gdbench.stats import bootstrap_median

    row: dict[str, Any] = {"lr": lr, "loss": bootstrap_median(np.array([trial.loss for trial in trials]))}
    for name in (f"{split}_{score}" for score in SCORES for split in ("val", "test")):
        if name in trials[0].columns:
            values = [worst(name) if math.isinf(trial.loss) else trial.final[name] for trial in trials]
            row[name] = bootstrap_median(np.array(values))
    return {**row, "diverged": sum(math.isfinite(trial.diverged_step) for trial in trials) / len(trials)}


def _judged(search: "Search") -> str:
    """The metric that the search judged by, in words."""
    from gdbench.reports.text import metric_title
    from gdbench.results.metrics import OBJECTIVES

    final = search.winner[0].final
    return metric_title(next((n for n in OBJECTIVES if not math.isnan(final.get(n, math.nan))), OBJECTIVES[0]))


def _print(search: "Search") -> None:
    from gdbench.reports import text

    rows = [_row(lr, trials) for lr, trials in search.tried.items()]
    bars = _bars([row["loss"].estimate for row in rows])
    where = "" if search.samples is None else f", searched on {search.samples} of {search.of} samples"
    table = [
        {
            **_cells(row, _judged(search), splits=("val",)),
            "": bar + (" best" if row["lr"] == search.best else ""),
        }
        for row, bar in zip(rows, bars, strict=True)
    ]
    say()
    print_table(table, title=f"{search.rule} on {search.problem}{where}, {_seeds(search.tried[rows[0]['lr']])}")
    say()
    if search.edge:
        other = "smaller" if search.edge == "low" else "greater"
        say(f"The best learning rate is the {search.edge} edge of those tried: {other} ones may do better (--extend).")
        say()
    chosen = [("best", search.best, search.winner)]
    if search.best != search.default_lr:
        chosen.append(("default", search.default_lr, search.default))
    final = [
        {"": name, **_cells(_row(lr or 0.0, trials), _judged(search), ("val", "test"))} for name, lr, trials in chosen
    ]
    data = "" if search.samples is None else " on all data,"
    print_table(final, title=f"{search.rule} on {search.problem},{data} {_seeds(search.winner)}")
    if search.best == search.default_lr:
        say(f"The best learning rate is the default, {text.number(search.default_lr)}.")


def _seeds(trials: "list[TrialRecord]") -> str:
    return f"{len(trials)} seeds" if len(trials) > 1 else "1 seed"


def _cells(row: dict[str, Any], judged: str, splits: tuple[str, ...]) -> dict[str, str]:
    from gdbench.reports import text

    def interval(name: str, middle: Any) -> str:
        estimate, low, high = (text.metric(name, value) for value in middle)
        return estimate if math.isnan(middle.low) or low == high == estimate else f"{estimate} [{low}, {high}]"

    names = [name for name in row if name.partition("_")[0] in splits]
    return {
        "lr": text.number(row["lr"]),
        judged: interval("loss", row["loss"]),
        **{text.metric_title(name): interval(name, row[name]) for name in names},
        "diverged": text.percent(row["diverged"], 0),
    }


def _bars(losses: list[float]) -> list[str]:
    """A bar for each loss, shorter is better; logarithmic if all losses are positive; crosses for an infinite loss."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    height = math.log if finite and min(finite) > 0 else float
    low, high = (height(pick(finite)) if finite else 0.0 for pick in (min, max))
    return [
        "█" * (1 + round((BAR - 1) * (height(loss) - low) / (high - low or 1.0))) if math.isfinite(loss) else "×" * BAR
        for loss in losses
    ]


def _document(search: "Search") -> dict[str, Any]:
    """The search as JSON can hold it."""

    def plain(lr: float, trials: "list[TrialRecord]") -> dict[str, Any]:
        row = _row(lr, trials)
        return {
            name: [v if math.isfinite(v) else None for v in value] if isinstance(value, tuple) else value
            for name, value in row.items()
        }

    return {
        "rule": search.rule,
        "problem": search.problem,
        "samples": search.samples,
        "of": search.of,
        "best": search.best,
        "edge": search.edge,
        "default": search.default_lr,
        "judged_by": _judged(search),
        "tried": [plain(lr, trials) for lr, trials in search.tried.items()],
        "winner": plain(search.best or 0.0, search.winner),
        "with_default": plain(search.default_lr, search.default),
    }
