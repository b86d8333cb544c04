"""`gdbench gpu-check`: what is worth checking of the kernels for GPUs."""

from typing import TYPE_CHECKING, Annotated

import typer

from gdbench.cli.options import JsonOption
from gdbench.cli.output import errors, fail, print_json, print_table, say
from gdbench.errors import UsageError

if TYPE_CHECKING:
    from gdbench.kernels.gpu.offline import Row


def gpu_check(
    offline: Annotated[
        bool, typer.Option("--offline", help="Compile for GPUs and look at the machine code; no GPU is needed.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Check the kernels for GPUs.

    With --offline, the machine code of every rule's update and of the training kernel's variants: registers, shared
    memory, what spills to local memory, and instructions by kind. Some minutes when nothing is compiled yet. Exit code
    3 when something is wrong with it.
    """
    from gdbench.kernels.cuda import missing_compiler

    if not offline:
        raise UsageError("gpu-check needs --offline: what runs on a GPU is not checked yet")
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
