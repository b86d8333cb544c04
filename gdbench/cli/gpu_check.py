"""`gdbench gpu-check`: what is worth checking of the kernels for GPUs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gdbench.cli.on_card import check_card
from gdbench.cli.options import JsonOption, OutOption
from gdbench.cli.output import errors, fail, print_json, print_table, say

if TYPE_CHECKING:
    from gdbench.kernels.gpu.offline import Row


def gpu_check(
    offline: Annotated[
        bool, typer.Option("--offline", help="Compile for GPUs and look at the machine code; no GPU is needed.")
    ] = False,
    out: OutOption = Path("gpu-check"),
    as_json: JsonOption = False,
) -> int:
    """Check and measure the GPU at hand, in eight minutes at most.

    With --offline, look at the machine code of every kernel instead: registers, shared memory, what spills to local
    memory, and instructions by kind; some minutes when nothing is compiled yet. Exit code 3 when something is not as it
    must be, or what is needed is not there.
    """
    if not offline:
        return check_card(out, as_json)
    from gdbench.kernels.cuda import missing_compiler

    problem = missing_compiler()
    if problem:
        return fail(problem, 3)
    from gdbench.kernels.gpu.offline import examine, subjects

    rows = []
    with errors.status("") as status:
        for subject in subjects():
            status.update(f"compiling {subject.kernel.name} for {subject.capability[0]}.{subject.capability[1]}")
            rows.append(examine(subject))
    wrong = sum(bool(row.wrong) for row in rows)
    if as_json:
        print_json([row.as_dict() for row in rows])
    else:
        print_table([_cells(row) for row in rows])
        say(f"\n{len(rows)} kernels, {wrong} with something wrong; instructions as they stand, loops counted once")
    return 3 if wrong else 0


def _cells(row: "Row") -> dict[str, object]:
    """A row as the table shows it."""
    counted = {kind.replace("16-byte", "16 B"): count or "" for kind, count in row.instructions.items()}
    return {
        "kernel": row.kernel,
        "for": row.capability,
        "threads": row.threads,
        "registers": row.needs.registers,
        "shared": row.needs.shared,
        "spilled": row.needs.stack,
        **counted,
        "verdict": "; ".join(row.wrong) or "ok",
    }
