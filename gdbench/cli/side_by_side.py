"""`gdbench gate --ab` and `--selfcheck`: run a suite in two places, and measure their steps together."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdbench.cli.output import print_json, print_table, say, status
from gdbench.errors import UsageError

if TYPE_CHECKING:
    from gdbench.ab.costs import Workload
    from gdbench.ab.places import Checkout
    from gdbench.ab.selfcheck import SelfCheck
    from gdbench.cli.gate import GateOptions
    from gdbench.cli.verdicts import Outputs
    from gdbench.gate.comparison import Comparison


def of_places(names: Sequence[str], asked: "GateOptions", quiet: bool) -> "Comparison":
    """Compare a suite in two places (gdbench/ab/places.py)."""
    from gdbench.ab.comparison import compare_places
    from gdbench.gate.measures import FAMILIES

    with _places(names) as (base, head), status("starting", quiet) as watch:
        workload = _workload(asked, (base, head))
        if base.code == head.code and workload.plugins[0] == workload.plugins[1]:
            raise UsageError(
                f"{base.name} and {head.name} run the same code, so there is nothing to compare; give --plugin FILE.py "
                "if they differ in one, or compare one place with itself by --selfcheck"
            )
        families = asked.families or FAMILIES
        return compare_places(
            (base, head), workload, families=families, margin=asked.margin, level=asked.level, watch=watch
        )


def check_itself(name: str, asked: "GateOptions", gates: int, outputs: "Outputs") -> int:
    """Compare a place with itself, several times, and print the result. Returns 0 even if there were false alarms."""
    from gdbench.ab.selfcheck import selfcheck

    with _places([name]) as (place,), status("starting", outputs.quiet or outputs.as_json) as watch:
        workload = _workload(asked, (place, place))
        found = selfcheck(place, workload, gates=gates, margin=asked.margin, level=asked.level, watch=watch)
    _tell(found, outputs)
    return 0


@contextmanager
def _places(names: Sequence[str]) -> "Iterator[list[Checkout]]":
    from gdbench.ab.places import find_place

    # On Windows a virus scanner or an ended process may still hold a file. It then stays, and the comparison goes on.
    with tempfile.TemporaryDirectory(prefix="gdbench-", ignore_cleanup_errors=True) as scratch:
        yield [find_place(name, Path.cwd(), Path(scratch)) for name in names]


def _workload(asked: "GateOptions", places: "tuple[Checkout, Checkout]") -> "Workload":
    """What both places run. A suite's file is the same for both; each place uses its own copy of a plug-in."""
    from gdbench.ab.costs import Workload
    from gdbench.suites import find, shipped

    suite = asked.suite if asked.suite in shipped() else str(find(asked.suite).resolve())
    base, head = ([place.plugin(file, Path.cwd()) for file in asked.plugins] for place in places)
    return Workload(suite, asked.overrides, (base, head), asked.registers, asked.rounds)


def _tell(found: "SelfCheck", outputs: "Outputs") -> None:
    from gdbench.reports.text import percent
    from gdbench.results.export import plain, plain_rows

    rows = found.by_metric()
    if outputs.as_json:
        names = ("gates", "alarmed", "false_alarms", "smallest", "margin", "level")
        facts = {name: plain(getattr(found, name)) for name in names}
        print_json({**facts, "verdicts": len(found.metrics), "metrics": plain_rows(rows)})
        return
    if not outputs.quiet:
        say()
        print_table([_cells(row) for row in rows.to_dict("records")])
        say()
    say(
        f"{found.alarmed} of {found.gates} gates of head with itself said regressed; {found.false_alarms} of "
        f"{len(found.metrics)} verdicts were false alarms (regressed or improved)."
    )
    say(
        f"The smallest slow-down that is found four times in five here, at a margin of {100 * found.margin:g} %: "
        f"{percent(found.smallest - 1)}."
    )


def _cells(row: dict[Any, Any]) -> dict[str, str]:
    from gdbench.reports.text import percent

    batch = f"batch {row['batch_size']:g}"
    return {
        "metric": ", ".join([row["metric"], row["problem"], row["rule"], batch, row["dtype"]]),
        "false alarms": str(row["alarms"]),
        "smallest found 4 times in 5": f"{percent(row['smallest'] - 1)}",
    }
