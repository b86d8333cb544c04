"""`gdbench list`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gdbench.cli.options import (
    JsonOption,
    NoPluginsOption,
    OutOption,
    PluginOption,
    StoreOption,
    load_plugins,
    open_store,
)
from gdbench.cli.output import print_json, print_table, say
from gdbench.errors import UsageError, nearest
from gdbench.results.files import RESULTS


def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[WHAT]",
            help="rules, problems, functions, datasets, suites, schedules, activations, losses, backends or runs; "
            "all but runs by default.",
            show_default=False,
        ),
    ] = "",
    store: StoreOption = None,
    out: OutOption = RESULTS,
    plugin: PluginOption = None,
    no_plugins: NoPluginsOption = False,
    as_json: JsonOption = False,
) -> None:
    """List rules, problems, functions, data sets, suites and so on, or the stored runs."""
    if what != "runs" or plugin:  # runs need neither plug-ins nor kernels
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
            say("", name)
        if rows[name]:
            print_table(rows[name])
        else:
            say(f"no {name}")


def _rules() -> list[dict[str, Any]]:
    from gdbench.kernels import RULES
    from gdbench.kernels.rules.contract import is_scalar

    return [
        {
            "rule": rule.name,
            "kind": "scalar" if is_scalar(rule) else "direction",
            "defaults": settings_text(rule.defaults),
            "source": rule.doc.splitlines()[0] if rule.doc else "",
        }
        for rule in RULES.values()
    ]


def _functions() -> list[dict[str, Any]]:
    from gdbench.kernels import FUNCTIONS

    return [
        {
            "function": function.name,
            "dimension": f"{function.least} or more" if function.least else str(function.dimension),
            "options": settings_text(function.options),
            "formula": function.doc.partition("\n\n")[0].replace("\n", " "),
        }
        for function in FUNCTIONS.values()
    ]


def _datasets() -> list[dict[str, Any]]:
    from gdbench.data.formats import FORMATS
    from gdbench.data.names import SHIPPED, SYNTHETIC

    files = {known.label: known.what for known in FORMATS}
    return [{"dataset": name, "what": text} for name, text in {**SHIPPED, **SYNTHETIC, **files}.items()]


def _problems() -> list[dict[str, Any]]:
    meanings = {
        "mlp": "loss of a multilayer perceptron on a data set (the data set's name alone: one hidden layer of 32)",
        "function": "value of a test function, with its options, start and noise (its name alone: as it stands)",
        "quadratic": "loss of a quadratic whose minimum moves with the sample; as it stands, the one of DeepOBS",
    }
    return [{"problem": name, "what": text} for name, text in meanings.items()]


def _suites() -> list[dict[str, Any]]:
    from gdbench import suites

    return [{"suite": name, "title": suites.read(path)["title"]} for name, path in suites.shipped().items()]


def _schedules() -> list[dict[str, Any]]:
    from gdbench.kernels.rules.schedules import MEANINGS, SCHEDULES

    return [
        {"schedule": name, "options": ", ".join(options), "lr at step t": MEANINGS[name]}
        for name, options in SCHEDULES.items()
    ]


def _activations() -> list[dict[str, Any]]:
    from gdbench.kernels.networks.activations import ACTIVATIONS

    return [{"activation": each.name, "formula": each.formula} for each in ACTIVATIONS.values()]


def _losses() -> list[dict[str, Any]]:
    from gdbench.kernels.networks.losses import LOSSES

    return [{"loss": each.name, "formula": each.formula} for each in LOSSES.values()]


def _backends() -> list[dict[str, Any]]:
    from gdbench.kernels.compile import cuda

    missing = cuda.missing()
    return [
        {"backend": "cpu", "available": "yes", "what": "a trial a thread", "why not": ""},
        {
            "backend": "cuda",
            "available": "no" if missing else "yes",
            "what": "networks, by scalar rules: many trials in one launch on an NVIDIA GPU; the CPU does the rest",
            "why not": missing or "",
        },
    ]


def _runs(store: str | None, out: Path) -> list[dict[str, Any]]:
    return [
        {
            "run": record.run,
            "suite": record.suite,
            "state": record.state,
            "started": datetime.fromtimestamp(record.created).isoformat(" ", "seconds"),
            "trials": f"{record.done} of {record.trials}",
            "backend": record.backend,
        }
        for record in open_store(store, out).runs()
    ]


_LISTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "rules": _rules,
    "problems": _problems,
    "functions": _functions,
    "datasets": _datasets,
    "suites": _suites,
    "schedules": _schedules,
    "activations": _activations,
    "losses": _losses,
    "backends": _backends,
}


def settings_text(settings: Mapping[str, float | bool]) -> str:
    """Hyperparameters or options in one line."""
    return ", ".join(f"{name}={number_text(value)}" for name, value in settings.items())


def number_text(value: float | bool) -> str:
    """A setting's value as it stands in TOML."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
