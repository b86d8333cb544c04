"""`gdbench show`."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gdbench.cli.listing import number_text, settings_text
from gdbench.cli.options import (
    JsonOption,
    NoPluginsOption,
    OutOption,
    PluginOption,
    SkipOption,
    StoreOption,
    load_plugins,
    open_run,
)
from gdbench.cli.output import print_facts, print_json, print_table, say
from gdbench.errors import UsageError, nearest
from gdbench.inputs.limits import check_name
from gdbench.results.files import RESULTS, is_given

if TYPE_CHECKING:
    from gdbench.kernels.functions.contract import Function
    from gdbench.kernels.rules.registry import BaseRule


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A rule, a function, a suite or a run.")],
    store: StoreOption = None,
    out: OutOption = RESULTS,
    plugin: PluginOption = None,
    no_plugins: NoPluginsOption = False,
    skip: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one rule or function (formula, defaults, source), one suite, or a run's summary."""
    if _is_run(name) and not plugin:  # runs need neither plug-ins nor kernels
        _show_run(name, store, out, skip, as_json)
        return
    from gdbench import suites  # loads the kernels, which `--help` does not need
    from gdbench.kernels import FUNCTIONS, RULES
    from gdbench.kernels.rules.registry import find

    load_plugins(plugin)
    if name in RULES or name.endswith(")"):  # lookahead(sgd) is built on demand
        check_name("rule", name)
        _show_rule(find(name), as_json)
    elif name in FUNCTIONS:
        _show_function(FUNCTIONS[name], as_json)
    elif name in suites.shipped() or name.endswith(".toml"):
        _show_suite(name, as_json)
    else:
        _show_run(name, store, out, skip, as_json)


def _is_run(name: str) -> bool:
    """Whether a name can only be that of a run."""
    from gdbench.api.runs import is_export

    return name.partition("~")[0] == "latest" or is_given(name) or is_export(Path(name))


def _show_rule(rule: "BaseRule", as_json: bool) -> None:
    from gdbench.kernels.rules.contract import is_scalar

    meanings = {name: rule.hyperparameter(name).meaning for name in rule.defaults}
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
    say(rule.name, "", *_lines(rule.doc), "")
    print_table(
        [
            {
                "hyperparameter": k,
                "default": number_text(v),
                "range": rule.hyperparameter(k).range(),
                "meaning": meanings[k],
            }
            for k, v in rule.defaults.items()
        ]
    )
    state = (", ".join(rule.slots) or "none") if is_scalar(rule) else "of its own"
    say("", f"state: {state}", "", *_lines(rule.text))


def _lines(document: str) -> list[str]:
    return document.expandtabs().splitlines()


def _show_function(function: "Function", as_json: bool) -> None:
    points = {
        "global minimisers": function.global_minimisers,
        "local minimisers": function.local_minimisers,
        "saddles": function.saddles,
    }
    facts = {
        "dimension": f"{function.least} or more, {function.dimension} by default"
        if function.least
        else function.dimension,
        "options": settings_text(function.options) or "none",
        "domain": f"every coordinate from {function.domain[0]:g} to {function.domain[1]:g}",
        "start": _points([function.start_point]),
        **{name: _points(known) or "none known" for name, known in points.items()},
    }
    if as_json:
        fields = (
            "dimension",
            "least",
            "options",
            "domain",
            "start_point",
            *(name.replace(" ", "_") for name in points),
        )
        shown = {name: getattr(function, name) for name in fields}
        print_json({"function": function.name, "doc": function.doc, **shown, "source": function.text})
        return
    say(function.name, "", *_lines(function.doc), "")
    print_facts(facts.items())
    say("", *_lines(function.text))


def _points(points: Iterable[tuple[float, ...]]) -> str:
    return ", ".join("(" + ", ".join(f"{x:g}" for x in point) + ")" for point in points)


def _show_suite(name: str, as_json: bool) -> None:
    from gdbench import suites

    suite = suites.load(name)
    if as_json:
        print_json({"suite": suite.name, "trials": suite.count(), **suite.table})
        return
    say(suite.title, *_lines(suite.model.description), "")
    print_facts(
        [
            ("trials", suite.count()),
            ("problems", ", ".join(suite.problems)),
            ("rules", ", ".join(suite.rules)),
            ("batch sizes", ", ".join(map(str, dict.fromkeys(chain.from_iterable(suite.batch_sizes.values()))))),
            ("tuning seeds", len(suite.tune_seeds)),
            ("reporting seeds", len(suite.seeds)),
        ]
    )
    say("", *_lines(suites.find(name).read_text(encoding="utf-8-sig")))


def _show_run(name: str, store: str | None, out: Path, skip: bool, as_json: bool) -> None:
    from gdbench.cli.results import print_answer, summary

    try:
        run = open_run(name, store, out, skip=skip)
    except UsageError as error:
        if _is_run(name):
            raise
        from gdbench import suites
        from gdbench.kernels import FUNCTIONS, RULES

        raise UsageError(
            f"{name!r} is not a rule, function, suite or run{nearest(name, [*RULES, *FUNCTIONS, *suites.shipped()])}"
        ) from error
    document = summary(run)
    if as_json:
        print_json({**document, "environment": run.environment})
        return
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
    print_answer(run)
