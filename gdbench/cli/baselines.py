"""Baselines by name or file, for `gdbench run --save-baseline` and `gdbench gate --baseline`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.options import repeated
from gdbench.cli.output import note, say
from gdbench.errors import UsageError, nearest, shown
from gdbench.inputs.paths import user_path
from gdbench.results.files import RESULTS

if TYPE_CHECKING:
    from gdbench.gate.comparison import Comparison
    from gdbench.gate.sides import NoBaselineError, Side
    from gdbench.results.frames import Frames

FOLDER = "baselines"  # in the folder of --out

SaveBaselineOption = Annotated[
    str | None,
    typer.Option(
        "--save-baseline",
        metavar="NAME|FILE",
        help="Save the finished run as a baseline for `gdbench gate`: a name (in baselines/ of --out) or a path.",
    ),
]
BaselineFamilyOption = Annotated[
    list[str] | None,
    repeated(
        "--baseline-family",
        "NAME",
        "A family to keep: digest, convergence, count or cost; by default those in the file, or all in a new one",
    ),
]


def find_baseline(name: str, out: Path) -> Path:
    """The path of a baseline: `NAME.txt` in `out`/baselines; a name with a slash or a dot is a path itself."""
    if not name:
        raise UsageError("a baseline's name is empty; give a name such as main, or a file's path")
    return user_path(name if any(mark in name for mark in "/\\.") else out / FOLDER / f"{name}.txt")


def load_baseline(name: str, out: Path) -> "Side":
    """The baseline of that name. Raises NoBaselineError if there is none, and UsageError if its file is broken."""
    from gdbench.gate.baseline import read_baseline

    path = find_baseline(name, out)
    if not path.exists():
        raise no_baseline(name, out)
    side = read_baseline(path)
    if not side.facts["verified"]:
        note(
            f"baseline {path} is unverified, since it was written before baselines contained a hash; "
            f"`gdbench gate --baseline {name} --update` writes one with a hash"
        )
    return side


def no_baseline(name: str, out: Path) -> "NoBaselineError":
    """The error that says that there is no such baseline, and how to make one."""
    from gdbench.gate.sides import NoBaselineError

    path = find_baseline(name, out)
    place = "" if out == RESULTS or path == Path(name) else f" --out {out}"
    return NoBaselineError(
        f"there is no baseline {path}; `gdbench run SUITE --save-baseline {name}{place}` makes one of a suite's results"
    )


def compare_with_baseline(name: str, head: "Side", out: Path, *, lenient: bool = False, **options: Any) -> "Comparison":
    """Compare head with the baseline of that name, in the families that the baseline keeps.

    lenient: leave out metrics that the baseline lacks. If there is no file yet, every metric lacks a baseline and is
    excused. options: of `gdbench.gate.comparison.compare`. Raises the errors of `load_baseline`.
    """
    from gdbench.gate.baseline import kept
    from gdbench.gate.comparison import compare
    from gdbench.gate.families import only
    from gdbench.gate.measures import nothing
    from gdbench.gate.sides import Side

    if lenient and not find_baseline(name, out).exists():
        none = Side({"name": str(no_baseline(name, out)), "machine": None}, nothing())
        return replace(compare(none, head, **options), excused=True)
    base = load_baseline(name, out)
    families = base.facts["families"]
    return only(compare(base, kept(head, families), lenient=lenient, **options), families)


@dataclass(frozen=True)
class Saved:
    """What was written: the number of metrics, and what changed, one line per metric. changes: None for a new file.

    notes: sentences about what no gate can find with this baseline; they belong on standard error.
    """

    path: Path
    metrics: int
    changes: list[str] | None
    notes: list[str]

    def sentences(self) -> list[str]:
        """The result as sentences for the terminal."""
        if self.changes is None:
            return [f"baseline: {self.path}, new, {self.metrics} metrics"]
        if not self.changes:
            return [f"baseline: {self.path}, nothing changed in {self.metrics} metrics"]
        many = "1 metric differs" if len(self.changes) == 1 else f"{len(self.changes)} metrics differ"
        return [f"baseline: {self.path}, {many}, {self.metrics} are in the file now", *self.changes]

    def tell(self, *, silent: bool = False, few: bool = False) -> None:
        """Print the sentences, or only the first (few), or none of them (silent); and the notes."""
        for sentence in () if silent else self.sentences()[: 1 if few else None]:
            say(sentence)
        for sentence in self.notes:
            note(sentence)

    def document(self) -> dict[str, Any]:
        """The result as JSON can hold it."""
        return {"path": str(self.path), "metrics": self.metrics, "changes": self.changes, "notes": self.notes}


def save_baseline(name: str, frames: "Frames", out: Path, families: Sequence[str] | None = None) -> Saved:
    """Write a run as the baseline of that name, for `run --save-baseline` and `gate --update`.

    families: those to keep. None means those that the file already keeps, and all families in a new file. A file in
    which nothing changed is not rewritten. Raises NoBaselineError for an incomplete run, and UsageError if the path
    holds something that is not a baseline.
    """
    from gdbench.gate.baseline import changes, kept, read_baseline, write_baseline
    from gdbench.gate.measures import FAMILIES, NAMES
    from gdbench.gate.pairing import too_few
    from gdbench.gate.sides import baseline_of

    path = find_baseline(name, out)
    old = read_baseline(path) if path.exists() else None
    chosen = tuple(families or (old.facts["families"] if old else FAMILIES))
    new = kept(baseline_of(frames), chosen)
    different = None if old is None else changes(old, new)
    if old is None or different or not old.facts["verified"] or set(chosen) != set(old.facts["families"]):
        write_baseline(new, path, chosen)
    return Saved(path, len(new.measures.drop_duplicates(list(NAMES))), different, list(too_few(new)))


def check_saving(name: str | None, out: Path, families: Sequence[str] | None, runs: int, dry_run: bool) -> None:
    """Raise UsageError before anything runs if `save_baseline` would fail afterwards."""
    from gdbench.gate.baseline import read_baseline
    from gdbench.gate.measures import FAMILIES

    for family in families or ():
        if family not in FAMILIES:
            raise UsageError(f"--baseline-family {shown(family)} is not known{nearest(family, FAMILIES)}")
    if name is None:
        if families:
            raise UsageError(f"--baseline-family {families[0]} says what --save-baseline NAME writes; give both")
        return
    if dry_run:
        raise UsageError(f"--dry-run measures nothing that --save-baseline {name} could write; leave one of them out")
    if runs != 1:
        raise UsageError(
            f"--save-baseline {name} holds one run, and {runs} suites are asked for; give one suite at a time"
        )
    path = find_baseline(name, out)
    if path.exists():
        read_baseline(path)
