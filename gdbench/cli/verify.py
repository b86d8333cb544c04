"""`gdbench verify`: numbers that a correct installation reproduces, beside the numbers of this one."""

import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.options import BackendOption, JsonOption, NoPluginsOption, PluginOption, load_plugins
from gdbench.cli.output import print_json, print_table, say, status

if TYPE_CHECKING:
    from gdbench.verification.checks import Row


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Checks, or families of them: data-sets, quadratics, first-steps, failures, tables, peers, deepobs, "
            "functions, networks, digits; card, on a GPU.",
            show_default="all",
        ),
    ] = None,
    backend: BackendOption = "auto",
    plugin: PluginOption = None,
    no_plugins: NoPluginsOption = False,
    as_json: JsonOption = False,
) -> int:
    """Check this installation against published and exact numbers.

    Each row shows a known number with its source, the number measured here, and the tolerance. Rules and functions of
    plug-ins are checked too. Exit code 3 when a check fails.

    On a GPU, its training is compared with the CPU's, in units in the last place. --backend auto adds these checks,
    cuda runs only these.
    """
    from gdbench.runner.backends.choosing import choose_backend
    from gdbench.verification import families  # loads kernels and data sets, which `--help` does not need

    usable = choose_backend(backend)
    backends = list(dict.fromkeys(["cpu", usable])) if backend == "auto" else [usable]
    load_plugins(plugin)
    started = time.perf_counter()
    with status("") as tell:
        rows = list(families.verify(names or (), lambda check: tell(f"{check.family}: {check.name}"), backends))
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("failed", "skipped")}
    if as_json:
        print_json([{name: _plain(value) for name, value in asdict(row).items()} for row in rows])
    else:
        print_table([_cells(row) for row in rows])
        checks = len({row.check for row in rows})
        seconds = time.perf_counter() - started
        say(
            "",
            f"{len(rows)} rows of {checks} checks, {counts['failed']} failed, {counts['skipped']} skipped "
            f"in {seconds:.0f} s",
        )
    return 3 if counts["failed"] else 0


def _plain(value: Any) -> Any:
    """A number that is not finite as text, since JSON has no name for it."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _cells(row: "Row") -> dict[str, str]:
    """A row as the table shows it."""
    numbers = {
        "expected": (row.expected, ".7g"),
        "measured": (row.measured, ".7g"),
        "tolerance": (row.tolerance, ".2g"),
    }
    return {
        "check": row.check,
        "source": row.source,
        "what": row.what,
        **{name: "" if value is None else format(value, form) for name, (value, form) in numbers.items()},
        "verdict": f"{row.verdict}: {row.reason}" if row.reason else row.verdict,
    }
