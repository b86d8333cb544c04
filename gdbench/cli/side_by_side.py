"""`gdbench gate --ab` and `--selfcheck`: two places run the same suite, and their steps are measured together."""

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdbench.cli.output import errors, print_json, print_table, say
from gdbench.errors import UsageError

if TYPE_CHECKING:
    from gdbench.gate import Comparison
    from gdbench.gate.costs import Asked, Watch
    from gdbench.gate.places import Place
    from gdbench.gate.selfcheck import SelfCheck


def of_places(
    base: str,
    head: str,
    suite: str,
    overrides: Sequence[str],
    plugins: Sequence[Path],
    families: Collection[str],
    margin: float,
    level: float,
    quiet: bool,
    registers: bool,
) -> "Comparison":
    """The verdicts on a suite in two places (gdbench/gate/places.py)."""
    from gdbench.gate.ab import compare_places

    with _places([base, head]) as places, _watching(quiet) as watch:
        asked = replace(_asked(suite, overrides, plugins, places), registers=registers)
        return compare_places((places[0], places[1]), asked, families=families, margin=margin, level=level, watch=watch)


def of_itself(
    head: str,
    suite: str,
    overrides: Sequence[str],
    plugins: Sequence[Path],
    gates: int,
    margin: float,
    level: float,
    quiet: bool,
) -> "SelfCheck":
    """Gates of a place with itself."""
    from gdbench.gate.selfcheck import selfcheck

    with _places([head]) as places, _watching(quiet) as watch:
        asked = _asked(suite, overrides, plugins, places * 2)
        return selfcheck(places[0], asked, gates=gates, margin=margin, level=level, watch=watch)


@contextmanager
def _places(names: Sequence[str]) -> "Iterator[list[Place]]":
    from gdbench.gate.places import find_place

    with tempfile.TemporaryDirectory(prefix="gdbench-") as scratch:
        yield [find_place(name, Path.cwd(), Path(scratch)) for name in names]


@contextmanager
def _watching(quiet: bool) -> "Iterator[Watch]":
    if quiet:
        yield lambda text: None
        return
    with errors.status("starting") as status:
        yield status.update


def _asked(suite: str, overrides: Sequence[str], plugins: Sequence[Path], places: "Sequence[Place]") -> "Asked":
    """What both places are asked for. A suite's file is one for both; a plug-in's is each place's own."""
    from gdbench.gate.costs import Asked

    path = Path(suite)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.is_file():
            raise UsageError(f"--suite {suite} is not a file; give a shipped suite's name or a TOML file")
        suite = str(path.resolve())
    base, head = ([place.plugin(file, Path.cwd()) for file in plugins] for place in places)
    return Asked(suite, tuple(overrides), (base, head))


def tell_selfcheck(found: "SelfCheck", as_json: bool) -> int:
    """Print what came of it; returns the exit code, which is 0 also where there were false alarms."""
    from gdbench.export import plain_rows

    rows = found.by_metric()
    if as_json:
        print_json(
            {
                "gates": found.gates,
                "alarmed": found.alarmed,
                "false_alarms": found.false_alarms,
                "verdicts": len(found.metrics),
                "smallest": found.smallest,
                "margin": found.margin,
                "level": found.level,
                "metrics": plain_rows(rows),
            }
        )
        return 0
    say()
    print_table([_cells(row) for row in rows.to_dict("records")])
    say()
    say(
        f"{found.alarmed} of {found.gates} gates of head with itself said regressed; {found.false_alarms} of "
        f"{len(found.metrics)} verdicts were false alarms (regressed or improved)."
    )
    say(
        f"The smallest slow-down that is found four times in five here, at a margin of {100 * found.margin:g} %: "
        f"{100 * (found.smallest - 1):.1f} %."
    )
    return 0


def _cells(row: dict[Any, Any]) -> dict[str, str]:
    batch = f"batch {row['batch_size']:g}"
    return {
        "metric": ", ".join([row["metric"], row["problem"], row["rule"], batch, row["dtype"]]),
        "false alarms": str(row["alarms"]),
        "smallest found 4 times in 5": f"{100 * (row['smallest'] - 1):.1f} %",
    }
