"""A side as a small text file that can be committed and read in a diff: one line per metric, sorted.

    write_baseline(side, Path("baseline.txt"), families=("digest", "count"))
    side = read_baseline(Path("baseline.txt"))

    # gdbench baseline 2
    # suite = digits
    ...
    digest<tab>digest<tab>iris<tab>adam<tab>16<tab>float32<tab>0f3c91aa=9b1d6c0e2f7a4853 41d2e07b=failed
    # end, 1 metrics, sha256 4c1f...

The hash covers the lines above it, but neither line endings nor a byte order mark. So no merge, editor or disk can
change unnoticed what a commit is judged by. Version 1 had no hash; it is read, and its facts say `verified` False.

Names and pairs are those of gdbench/gate/measures.py; `-` stands for a name that a metric lacks. Numbers are as short
as they can be without losing a bit. Characters that have a meaning in the file are escaped as in URLs (`%20`).
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd

from gdbench.errors import UsageError
from gdbench.errors import shown as quoted
from gdbench.gate.measures import DIGEST_DIGITS, FAILED, FAMILIES, NAMES, OF_TRIALS, UNTOLD, kind
from gdbench.gate.sides import Side
from gdbench.inputs.limits import DIGITS
from gdbench.inputs.writing import write_text

KEPT = (*NAMES, "pair", "value", "text")  # columns of measures that the file has
VERSION = 2
UNSEALED = 1  # the version that had no hash
MOST = 50_000_000  # most bytes that are read, enough for 500,000 trials
FIRST = "# gdbench baseline "
FACTS = ("suite", "run", "commit", "dirty", "code", "created", "cpu", "machine", "families")  # of the header, in order
NONE, FULL = "-", "full"
NUMBER = re.compile(r"-?(inf|[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)")
DIGEST = re.compile(rf"[0-9a-f]{{{DIGEST_DIGITS}}}|{FAILED}|{UNTOLD}")
WHOLE = 2.0**53  # floats below it hold every whole number


def kept(side: Side, families: Iterable[str]) -> Side:
    """A side with the metrics of these families, and the digests that go with families of trials."""
    names = _with_digests(families)
    return Side(side.facts, side.measures[side.measures["family"].isin(names)].reset_index(drop=True))


def _with_digests(families: Iterable[str]) -> set[str]:
    """The families to keep. Without digests, nobody could say which trials failed or are missing."""
    return {*families, *(["digest"] if OF_TRIALS & set(families) else [])}


def write_baseline(side: Side, path: Path, families: Iterable[str] = FAMILIES) -> None:
    """Write a side's metrics of these families. The file is written whole or not at all. Raises GdbenchError."""
    write_text(path, baseline_text(side, families))


def baseline_text(side: Side, families: Iterable[str] = FAMILIES) -> str:
    """The text that `write_baseline` writes."""
    chosen = [family for family in FAMILIES if family in set(families)]
    facts = {**side.facts, "families": " ".join(chosen)}
    header = [f"# {name} = {_fact(facts.get(name))}" for name in FACTS]
    lines = metric_lines(kept(side, chosen))
    return sealed([f"{FIRST}{VERSION}", *header, *lines, f"# end, {len(lines)} metrics"])


def sealed(lines: list[str]) -> str:
    """The text of a file, with the hash of all lines at the end of the last line."""
    return "\n".join([*lines[:-1], f"{lines[-1]}, sha256 {_hash(lines)}", ""])


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def metric_lines(side: Side) -> list[str]:
    """One line per metric, sorted."""
    return ["\t".join([*names, " ".join(pairs)]) for names, pairs in sorted(_cells(side).items(), key=_place)]


def _cells(side: Side) -> dict[tuple[str, ...], list[str]]:
    """The pairs of each metric by its names, both as the file writes them."""
    metrics: dict[tuple[str, ...], dict[str, str]] = {}
    for *names, pair, value, text in side.measures[list(KEPT)].itertuples(index=False, name=None):
        shown = _number(value) if _missing(text) else _escaped(text, " =")
        metrics.setdefault(tuple(map(_name, names)), {})[_escaped(str(pair), " ")] = shown
    return {names: [f"{pair}={shown}" for pair, shown in sorted(pairs.items())] for names, pairs in metrics.items()}


def _place(item: tuple[tuple[str, ...], Any]) -> tuple[Any, ...]:
    """The sort key of a metric: families in their order, batch sizes by number, everything else by name."""
    family, metric, problem, rule, batch_size, dtype = item[0]
    size = float(batch_size) if NUMBER.fullmatch(batch_size) else np.inf
    return FAMILIES.index(family), metric, problem, rule, size, batch_size, dtype


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _name(value: Any) -> str:
    """A name or a batch size, as its column writes it."""
    if _missing(value):
        return NONE
    if value == NONE:
        return "%2D"
    return _escaped(value) if isinstance(value, str) else _number(float(value))


def _number(value: float) -> str:
    """The shortest decimal that gives the same float."""
    return f"{value:.0f}" if abs(value) < WHOLE and value == round(value) else repr(float(value))


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return NONE if value is None else _escaped(str(value)).strip() or NONE


def _escaped(text: str, also: str = "") -> str:
    """Text without characters that break a line or a column. also: more characters that have a meaning there."""
    return "".join(
        quote(char, safe="") if char in f"%{also}" or not (char == " " or char.isprintable()) else char for char in text
    )


def read_baseline(path: Path) -> Side:
    """The side that a file holds. Raises UsageError, with the line, if the file was cut or changed.

    Its facts are those of `side_of`, plus `families`, which the file keeps, and `verified`, whether the file holds its
    hash. A failed trial's loss and steps are infinite, as in a run.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > MOST:
        raise UsageError(f"{path} has more than {MOST:,} bytes; give the path of a baseline, which is smaller")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    return _Reader(path).side(text.replace("\r\n", "\n"))


class _Reader:
    """Reads one file strictly; its errors name the file and the line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def side(self, text: str) -> Side:
        first, *lines = text.removesuffix("\n").split("\n")
        if not re.fullmatch(rf"{FIRST}[0-9]{{1,9}}", first):
            raise UsageError(
                f"{self.path}, line 1: not a baseline, which begins with `{FIRST}{VERSION}`; give the path of a file "
                "that `gdbench run SUITE --save-baseline FILE` wrote"
            )
        version = int(first.removeprefix(FIRST))
        if version > VERSION:
            raise UsageError(
                f"{self.path}, line 1: version {version} was written by a newer gdbench than this one, which reads "
                f"version {VERSION}; update gdbench"
            )
        if version < UNSEALED:
            self.broken(1, f"there is no version {version}")
        form = "# end, N metrics" if version == UNSEALED else "# end, N metrics, sha256 HASH"
        end = re.fullmatch(
            form.replace("N", "([0-9]{1,12})").replace("HASH", "([0-9a-f]{64})"), lines[-1] if lines else ""
        )
        if not end:
            self.broken(1 + len(lines), f"the file is truncated, since the last line must be `{form}`")
        facts = self.facts(lines[: len(FACTS)])
        rows: list[tuple[Any, ...]] = []
        seen: dict[tuple[str, ...], int] = {}
        for number, line in enumerate(lines[len(FACTS) : -1], 2 + len(FACTS)):
            names, found = self.metric(number, line)
            if seen.setdefault(names, number) != number:
                self.broken(number, f"the metric of line {seen[names]} is repeated here")
            if names[0] not in _with_digests(facts["families"]):
                self.broken(number, f"family {quoted(names[0])} is not one of those that the header names")
            rows.extend(found)
        if int(end[1]) != len(seen):
            self.broken(1 + len(lines), f"{len(seen)} metrics are listed above, so lines were lost or added")
        verified = version > UNSEALED
        if verified and _hash([first, *lines[:-1], end[0].partition(", sha256")[0]]) != end[2]:
            self.broken(1 + len(lines), "the lines above do not have this hash, so one of them was changed")
        frame = pd.DataFrame(rows, columns=list(KEPT)).astype({"value": "float64", "text": "object"})
        frame = frame.assign(shown=np.nan)
        return Side({**facts, "verified": verified}, frame)

    def facts(self, lines: list[str]) -> dict[str, Any]:
        """The facts of the header."""
        facts: dict[str, Any] = {"name": f"baseline {self.path.name}", "state": "complete"}
        for number, name in enumerate(FACTS, 2):
            line = lines[number - 2] if number - 2 < len(lines) else ""
            start = f"# {name} = "
            shown = line.removeprefix(start)
            if not line.startswith(start) or _fact(unquote(shown)) != shown:
                self.broken(number, f"it must begin with `{start}`, and a value must follow")
            facts[name] = None if shown == NONE else unquote(shown)
        words = {"yes": True, "no": False, None: None}
        if facts["dirty"] not in words:
            self.broken(2 + FACTS.index("dirty"), "dirty must be yes, no or -")
        families = (facts["families"] or "").split()
        if families != [family for family in FAMILIES if family in families]:
            self.broken(2 + FACTS.index("families"), f"families must be some of {', '.join(FAMILIES)}, in this order")
        return {**facts, "dirty": words[facts["dirty"]], "families": tuple(families)}

    def metric(self, number: int, line: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """The names of a line, as written there, and its rows of the frame."""
        cells = line.split("\t")
        if len(cells) != len(NAMES) + 1:
            self.broken(number, f"{len(cells)} columns in place of {len(NAMES) + 1}, with tabs between them")
        *shown, pairs = cells
        if shown[0] not in FAMILIES:
            self.broken(number, f"family {quoted(shown[0])} is not one of {', '.join(FAMILIES)}")
        names = [self.name(number, NAMES[column], cell) for column, cell in enumerate(shown)]
        if names[1] is None:
            self.broken(number, "the metric has no name")
        rows = {}
        for each in pairs.split(" "):
            pair, equals, value = each.rpartition("=")
            if not equals or not pair or _escaped(unquote(pair), " ") != pair:
                self.broken(number, f"{quoted(each)} must be pair=value")
            if pair in rows:
                self.broken(number, f"pair {quoted(pair)} is there twice")
            rows[pair] = (*names, unquote(pair), *self.value(number, names[0], names[1], value))
        return tuple(shown), list(rows.values())

    def name(self, number: int, column: str, cell: str) -> Any:
        """The name or the batch size that a cell stands for."""
        if cell == NONE:
            return np.nan if column == "batch_size" else None
        number_given = column == "batch_size" and NUMBER.fullmatch(cell)
        if number_given and len(cell) > DIGITS:
            self.broken(number, f"{column} {quoted(cell)} has more than {DIGITS} digits")
        if column == "batch_size" and not number_given and cell != FULL:
            self.broken(number, f"{column} {quoted(cell)} must be a number, {FULL} or {NONE}")
        name = unquote(cell) if not number_given else int(cell) if cell.isdigit() else float(cell)
        if _name(name) != cell:
            self.broken(number, f"{column} {quoted(cell)} is not escaped as names are in a baseline")
        return name

    def value(self, number: int, family: str, metric: str, cell: str) -> tuple[float, Any]:
        """The value and the text of a pair."""
        if family == "digest":
            right = DIGEST.fullmatch(cell) if metric == "digest" else cell and _escaped(unquote(cell), " =") == cell
            if not right:
                self.broken(number, f"{quoted(cell)} must be {DIGEST_DIGITS} hexadecimal digits, or {FAILED}")
            return np.nan, unquote(cell)
        if cell == FAILED and family == "convergence":
            return _of_failed(metric), FAILED
        if not NUMBER.fullmatch(cell) or len(cell) > DIGITS:
            self.broken(number, f"{quoted(cell)} must be a number")
        if not _fits(family, metric, float(cell)):
            self.broken(number, f"{quoted(metric)[1:-1]} cannot be {quoted(cell)[1:-1]}")
        return float(cell), np.nan

    def broken(self, number: int, why: str) -> NoReturn:
        raise UsageError(
            f"{self.path}, line {number}: {why}; restore the file, or delete it and write it again with "
            f"`gdbench run SUITE --save-baseline {self.path}`"
        )


def _fits(family: str, metric: str, value: float) -> bool:
    """Whether a metric can have this value: a loss any number, steps also infinity, counts and costs finite ones."""
    if family == "convergence":
        return value >= 0 or kind(metric) == "final_loss"
    return 0 <= value < np.inf and (value > 0 or family == "count")


def changes(old: Side, new: Side) -> list[str]:
    """What an update changes, one line per metric: in how many of its pairs, and from what to what.

    >>> names = ("count", "gradient_evaluations", "iris", "lbfgs", 16, "float64", "all")
    >>> empty, few, many = (
    ...     Side({}, pd.DataFrame([(*names, value, np.nan) for value in values], columns=list(KEPT)))
    ...     for values in ([], [70.0], [84.0])
    ... )
    >>> changes(few, many) + changes(empty, few)
    ['iris, lbfgs, 16, float64: gradient_evaluations 70 -> 84', 'iris, lbfgs, 16, float64: gradient_evaluations new']
    """
    before, after = (_cells(side) for side in (old, new))
    metrics = [names for names, _ in sorted({**before, **after}.items(), key=_place)]
    return [
        _changed(each, before.get(each), after.get(each)) for each in metrics if before.get(each) != after.get(each)
    ]


def _changed(names: tuple[str, ...], before: list[str] | None, after: list[str] | None) -> str:
    family, metric, *group = names
    label = f"{', '.join(unquote(name) for name in group if name != NONE)}: {unquote(metric)}"
    if before is None or after is None:
        return f"{label} {'new' if before is None else 'gone'}"
    old, new = (dict(each.rsplit("=", 1) for each in pairs) for pairs in (before, after))
    if family == "digest" and metric == "digest":
        return f"{label} of {_counted(old, new)}"
    if family == "convergence":
        return f"{label} of {_counted(old, new)}, {_middles(metric, old, new)}"
    if family == "cost":
        return f"{label}, {_middles(metric, old, new)}"
    return f"{label} {', '.join(old.values())} -> {', '.join(new.values())}"


def _counted(old: dict[str, str], new: dict[str, str]) -> str:
    """How many trials differ, and how many are new or gone."""
    common = old.keys() & new.keys()
    differ = [f"{sum(old[pair] != new[pair] for pair in common)} of {len(common)} trials"] if common else []
    others = {"new": len(new) - len(common), "gone": len(old) - len(common)}
    return ", ".join([*differ, *(f"{count} {word}" for word, count in others.items() if count)])


def _middles(metric: str, old: dict[str, str], new: dict[str, str]) -> str:
    """The medians before and after, or the shares of successes."""
    word, middle = ("mean", np.mean) if kind(metric) == "success" else ("median", np.median)
    values = [
        [_of_failed(metric) if each == FAILED else float(each) for each in cells.values()] for cells in (old, new)
    ]
    return f"{word} {middle(values[0]):.6g} -> {middle(values[1]):.6g}"


def _of_failed(metric: str) -> float:
    """The value of a failed trial, as in gdbench/gate/measures.py."""
    return 0.0 if kind(metric) == "success" else np.inf
