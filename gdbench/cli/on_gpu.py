"""`gdbench gpu-check` on a machine with a GPU: run gdbench/verification/gpu/check.py and print its results."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdbench.cli.output import fail, print_json, print_table, say, status

if TYPE_CHECKING:
    from gdbench.verification.gpu.contract import Outcome


def check_gpu(out: Path, as_json: bool) -> int:
    """Check and measure the GPU, in eight minutes at most; returns the exit code.

    Results are written to the folder as they come. Exit code 3: there is no GPU, or a check failed.
    """
    from gdbench.kernels.compile import cuda

    reason = cuda.missing()
    if reason:
        return fail(reason, 3)
    from gdbench.verification.gpu.check import run_check
    from gdbench.verification.gpu.record import NAME, document

    with status("") as watch:
        found = run_check(out, watch=watch)
    if as_json:
        print_json(document(found))
    else:
        for part in found.parts:
            _print(part)
        say("", f"written: {out / NAME}.md and {out / NAME}.json")
    return 0 if found.ok else 3


def _print(part: "Outcome") -> None:
    from gdbench.verification.gpu.record import cell

    say()
    names = dict.fromkeys(name for row in part.rows for name in row)
    rows: list[dict[str, Any]] = [{name: cell(row.get(name)) for name in names} for row in part.rows]
    print_table(rows, title=part.title)
    for sentence in (f"{part.title}: {part.state}, {part.seconds:.0f} s.", *part.notes):
        say(sentence)
