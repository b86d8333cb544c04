"""What becomes of results before anything of them is printed: a page, or a file of their own."""

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdbench.cli.output import note
from gdbench.cli.start import sentence
from gdbench.errors import GdbenchError, InterruptedRunError
from gdbench.inputs.writing import write_text

if TYPE_CHECKING:
    from gdbench.api.runs import Run


def write_page(run: "Run", path: Path) -> Path | None:
    """Write a run's page; None where that fails, which is said on standard error: the ranking is still to be printed.

    Raises InterruptedRunError where the user stops it.
    """
    again = f"`gdbench report {run.id}`"
    try:
        return run.report(path)
    except KeyboardInterrupt:
        raise InterruptedRunError(f"interrupted; run {run.id} is {run.state}, and {again} writes its page") from None
    except Exception as error:  # whatever a figure failed for, the run is stored
        note(f"the page of run {run.id} could not be written ({sentence(error)}); {again} tries again")
        return None


def keep(name: str, out: Path, document: dict[str, Any]) -> Path | None:
    """Write the document as JSON into a new file of `out`, named by `name` and the moment; returns its path.

    None where it cannot be written, which is said on standard error: the results are still to be printed.
    """
    plain = re.sub(r"[^\w.-]+", "-", name)[:60]
    stem = f"{plain}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = (f"{stem}{f'-{number}' if number else ''}.json" for number in range(10_000))
    try:
        path = next(path for path in map(out.joinpath, names) if not path.exists())
        write_text(path, json.dumps(document, indent=1, allow_nan=False, default=str) + "\n")
    except (GdbenchError, OSError) as error:
        note(f"the results are printed but not kept: {error}")
        return None
    return path
