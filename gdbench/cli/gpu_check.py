"""`gdbench gpu-check`: check and measure the kernels for GPUs."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gdbench.cli.on_gpu import check_gpu
from gdbench.cli.options import JsonOption, OutOption
from gdbench.cli.output import console, errors, fail, note, print_json, print_table, say, status

if TYPE_CHECKING:
    from gdbench.kernels.gpu.offline import Row


WIDE = 240  # columns that the whole table takes
EVERY = 10.0  # seconds between lines where there is no terminal


def gpu_check(
    offline: Annotated[
        bool, typer.Option("--offline", help="Compile for GPUs and check the machine code; needs no GPU.")
    ] = False,
    out: OutOption = Path("gpu-check"),
    as_json: JsonOption = False,
) -> int:
    """Check and measure the GPU of this machine, in eight minutes at most.

    With --offline, check the machine code of every kernel instead: registers, shared memory, what spills to local
    memory, and instructions by kind. This takes some minutes when nothing is compiled yet. Exit code 3 when a check
    fails or something that it needs is missing.
    """
    if not offline:
        return check_gpu(out, as_json)
    from gdbench.kernels.compile.cuda import missing_compiler
    from gdbench.kernels.gpu.cubin import missing_reader

    problem = missing_compiler() or missing_reader()
    if problem:
        return fail(problem, 3)
    from gdbench.kernels.gpu.offline import examined, subjects
    from gdbench.machine.environment import usable_cores

    rows: list[Row] = []
    count = len(list(subjects()))
    with status("compiling for GPUs") as tell:
        said = time.monotonic()
        for row in examined(usable_cores()):
            rows.append(row)
            tell(f"{len(rows)} of {count}: {row.kernel} for {row.capability}")
            if not errors.is_terminal and time.monotonic() - said > EVERY:
                note(f"{len(rows)} of {count} kernels")
                said = time.monotonic()
    wrong = sum(bool(row.wrong) for row in rows)
    if as_json:
        print_json([row.as_dict() for row in rows])
    else:
        whole = not console.is_terminal or console.width >= WIDE
        print_table([_cells(row, whole) for row in rows])
        say(
            "",
            f"{len(rows)} kernels, {wrong} with something wrong. for: compute capability; registers of a thread; "
            "shared: bytes of a block; spilled: bytes of a thread.",
        )
        if whole:
            say(
                "Instructions as they stand, loops counted once. loose: products and sums that could be contracted; "
                "local: what goes to memory for lack of registers."
            )
        else:
            say(f"A terminal of {WIDE} columns, or a file, gets the instructions by kind too.")
    return 3 if wrong else 0


def _cells(row: "Row", whole: bool) -> dict[str, object]:
    """A row as the table shows it. whole: include the instructions."""
    counted = {kind.replace("16-byte", "16 B"): count or "" for kind, count in row.instructions.items() if whole}
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
