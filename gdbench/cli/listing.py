"""`gdbench list` and `gdbench show`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gdbench.cli.options import JsonOption, OutOption, PluginOption, StoreOption, load_plugins, open_run, open_store
from gdbench.cli.output import print_facts, print_json, print_table, say
from gdbench.errors import UsageError, nearest
from gdbench.files import RESULTS
from gdbench.kernels import RULES
from gdbench.kernels.hyperparameters import KNOWN, OTHER
from gdbench.kernels.registry import BaseRule, find


def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[WHAT]",
            help="rules, problems, datasets, suites, schedules, activations, losses, backends or runs; "
            "all but runs by default.",
            show_default=False,
        ),
    ] = "",
    store: StoreOption = None,
    out: OutOption = RESULTS,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what there is."""
    load_plugins(plugin)
    lists: dict[str, Callable[[], list[dict[str, Any]]]] = {**_LISTS, "runs": lambda: _runs(store, out)}
    if what and what not in lists:
        raise UsageError(f"cannot list {what!r}{nearest(what, lists)}")
    chosen = [what] if what else [name for name in lists if name != "runs"]
    rows = {name: lists[name]() for name in chosen}
    if as_json:
        print_json(rows[what] if what else rows)
        return
    for name in chosen:
        if not what:
            say(f"\n{name}")
        if rows[name]:
            print_table(rows[name])
        else:
            say(f"no {name}")


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A rule, a suite or a run.")],
    store: StoreOption = None,
    out: OutOption = RESULTS,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one rule (formula, defaults, source), one suite, or a run's summary."""
    from gdbench import suites

    load_plugins(plugin)
    if name in RULES or name.endswith(")"):  # lookahead(sgd) is built on demand
        _show_rule(find(name), as_json)
    elif name in suites.shipped() or name.endswith(".toml"):
        _show_suite(name, as_json)
    else:
        _show_run(name, store, out, as_json)


def _rules() -> list[dict[str, Any]]:
    return [
        {
            "rule": rule.name,
            "defaults": ", ".join(f"{k}={_value(v)}" for k, v in rule.defaults.items()),
            "source": rule.doc.splitlines()[0] if rule.doc else "",
        }
        for rule in RULES.values()
    ]


def _datasets() -> list[dict[str, Any]]:
    from gdbench.data import FILES, SHIPPED, SYNTHETIC

    return [{"dataset": name, "what": text} for name, text in {**SHIPPED, **SYNTHETIC, **FILES}.items()]


def _problems() -> list[dict[str, Any]]:
    return [
        {
            "problem": "mlp",
            "what": "loss of a multilayer perceptron on a data set (the data set's name alone: one hidden layer of 32)",
        }
    ]


def _suites() -> list[dict[str, Any]]:
    from gdbench import suites

    return [{"suite": name, "title": suites.read(path)["title"]} for name, path in suites.shipped().items()]


def _schedules() -> list[dict[str, Any]]:
    from gdbench.kernels.schedules import MEANINGS, SCHEDULES

    return [
        {"schedule": name, "options": ", ".join(options), "lr at step t": MEANINGS[name]}
        for name, options in SCHEDULES.items()
    ]


def _activations() -> list[dict[str, Any]]:
    from gdbench.kernels.activations import FORMULAS

    return [{"activation": name, "formula": text} for name, text in FORMULAS.items()]


def _losses() -> list[dict[str, Any]]:
    from gdbench.kernels.losses import FORMULAS

    return [{"loss": name, "formula": text} for name, text in FORMULAS.items()]


def _backends() -> list[dict[str, Any]]:
    return [
        {"backend": "cpu", "available": "yes", "what": "Numba kernels on threads"},
        {"backend": "cuda", "available": "no", "what": "not part of this version"},
    ]


def _runs(store: str | None, out: Path) -> list[dict[str, Any]]:
    database = open_store(store, out)
    return [
        {
            "run": record.run,
            "suite": record.suite,
            "state": record.state,
            "started": datetime.fromtimestamp(record.created).isoformat(" ", "seconds"),
            "trials": f"{len(database.done(record.run))} of {record.trials}",
            "backend": record.backend,
        }
        for record in database.runs()
    ]


_LISTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "rules": _rules,
    "problems": _problems,
    "datasets": _datasets,
    "suites": _suites,
    "schedules": _schedules,
    "activations": _activations,
    "losses": _losses,
    "backends": _backends,
}


def _value(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def _show_rule(rule: BaseRule, as_json: bool) -> None:
    meanings = {name: KNOWN.get(name, OTHER).meaning for name in rule.defaults}
    if as_json:
        print_json(
            {
                "rule": rule.name,
                "doc": rule.doc,
                "slots": rule.slots,
                "defaults": rule.defaults,
                "meanings": meanings,
                "source": rule.text,
            }
        )
        return
    say(f"{rule.name}\n\n{rule.doc}\n")
    print_table(
        [
            {"hyperparameter": k, "default": _value(v), "range": KNOWN.get(k, OTHER).range(), "meaning": meanings[k]}
            for k, v in rule.defaults.items()
        ]
    )
    say(f"\nstate: {', '.join(rule.slots) or 'none'}\n\n{rule.text}")


def _show_suite(name: str, as_json: bool) -> None:
    from gdbench import suites

    suite = suites.load(name)
    if as_json:
        print_json({"suite": suite.name, "trials": suite.count(), **suite.table})
        return
    say(f"{suite.title}\n{suite.model.description}\n")
    print_facts(
        [
            ("trials", suite.count()),
            ("problems", ", ".join(suite.problems)),
            ("rules", ", ".join(suite.rules)),
            ("batch sizes", ", ".join(map(str, suite.model.batch_size))),
            ("tuning seeds", len(suite.tune_seeds)),
            ("reporting seeds", len(suite.seeds)),
        ]
    )
    say("\n" + suites.find(name).read_text(encoding="utf-8"))


def _show_run(name: str, store: str | None, out: Path, as_json: bool) -> None:
    from gdbench.cli.results import summary
    from gdbench.reports import ranking
    from gdbench.reports.ranking_table import readable

    try:
        run = open_run(name, store, out)
    except UsageError as error:
        if name.startswith("latest"):
            raise
        from gdbench import suites

        raise UsageError(f"{name!r} is no rule, suite or run{nearest(name, [*RULES, *suites.shipped()])}") from error
    document = summary(run)
    if as_json:
        print_json({**document, "environment": run.environment})
        return
    say(f"{run.about['title']}\n")
    statuses = ", ".join(f"{count} {status}" for status, count in document["trials"].items())
    print_facts(
        [
            ("run", run.id),
            ("suite", run.about["suite"]),
            ("state", run.state),
            ("trials", statuses),
            ("code", run.about["code"][:12]),
        ]
    )
    say()
    frame = ranking(run.frames)
    print_table(readable(frame[frame["best_batch"]], run.frames) if len(frame) else [])
