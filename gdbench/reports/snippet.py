"""The advised setting as code to copy: for gdbench, PyTorch and Optax.

snippets(run)  # {"gdbench": ..., "PyTorch": ..., "Optax": ...}
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gdbench.peers.contract import UnsupportedError
from gdbench.peers.optimizers import optax, pytorch
from gdbench.reports.judgement import judgement
from gdbench.reports.results import Results, has_batches

CONSTANT = "constant"  # the schedule that changes nothing


class _Call(str):
    """Code that calls a function of a library; an attribute of it is code too."""

    def __getattr__(self, name: str) -> "_Call":
        return _Call(f"{self}.{name}")

    def __call__(self, *given: Any, **named: Any) -> "_Call":
        arguments = [_written(value) for value in given]
        arguments += [f"{name}={_written(value)}" for name, value in named.items() if value is not None]
        return _Call(f"{self}({', '.join(arguments)})")


def snippets(results: Results, unit: str | None = None) -> dict[str, str]:
    """Code by library, for the libraries that have the rule; none for several runs side by side. unit: of the ranking.

    A schedule and clipping stand in the suite, and beside the other libraries' code as a comment.
    """
    rules = judgement(results, unit).rules
    mine = results.trials.merge(rules.head(1)[["problem", "rule", "setting"]], on=["problem", "rule", "setting"])
    if mine.empty or "side" in mine:
        return {}
    row = mine.iloc[0]
    names = ["lr", *(name for name in results.about["hyperparameters"] if name != "lr")]
    given = {name: _plain(row[name]) for name in names if not _is_missing(row[name])}
    around = {name: float(row[name]) for name in ("clip_norm", "clip_value") if row[name]}
    table = results.about["table"].get("rule", {}).get(row["rule"], {})
    rule = str(table.get("rule", row["rule"]))
    found = {"gdbench": _suite(row, rule, given, around, batched=has_batches(results.trials))}
    comment = [f"the schedule {row['schedule']}"] if row["schedule"] != CONSTANT else []
    comment += [f"{name} = {value:g}" for name, value in around.items()]
    more = f"  # and {', '.join(comment)}" if comment else ""
    with suppress(UnsupportedError):
        name, options = pytorch(rule, given)
        call = _Call(f"torch.optim.{name}")(_Call("model.parameters()"), lr=given["lr"], **options)
        found["PyTorch"] = f"optimizer = {call}{more}"
    with suppress(UnsupportedError, KeyError):
        found["Optax"] = f"optimizer = {optax(rule, given, given['lr'], _Call('optax'))}{more}"
    return found


def _suite(row: Any, rule: str, given: Mapping[str, Any], around: Mapping[str, float], *, batched: bool) -> str:
    """The setting as the lines of a suite."""
    lines = ["# in a suite (TOML)"]
    if batched:
        lines.append(f"batch_size = {row['batch_size']}")
    if row["schedule"] != CONSTANT:
        kind, options = re.fullmatch(r"(\w+)(?:\((.*)\))?", row["schedule"]).groups()  # type: ignore[union-attr]
        values = [f'kind = "{kind}"', *(options.replace("=", " = ").split(", ") if options else [])]
        lines.append(f"schedule = {{{', '.join(values)}}}")
    lines += [f"{name} = {value!r}" for name, value in around.items()]
    named = {**({"rule": rule} if rule != row["rule"] else {}), **given}
    table = ", ".join(f"{name} = {_toml(value)}" for name, value in named.items())
    return "\n".join([*lines, "[rule]", f"{_toml(row['rule'])} = {{{table}}}"])


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def _written(value: Any) -> str:
    return str(value) if isinstance(value, _Call) else repr(value)


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else repr(value)
