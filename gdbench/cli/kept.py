"""Keep results before any of them is printed: as a run's page, or as a file."""

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
    """Write a run's page and return its path, or None if that fails.

    A note says why it failed; the ranking is still to be printed. Raises InterruptedRunError if the user interrupts it.
    """
    again = f"`gdbench report {run.id}`"
    try:
        return run.report(path)
    except KeyboardInterrupt:
        raise InterruptedRunError(f"interrupted; run {run.id} is {run.state}, and {again} writes its page") from None
    except Exception as error:  # the run is stored, whatever failed in a figure
        note(f"the page of run {run.id} could not be written ({sentence(error)}); {again} tries again")
        return None


def keep(name: str, out: Path, document: dict[str, Any]) -> Path | None:
    """Write the document as JSON to a new file in `out`, named after `name` and the time; returns its path.

    None if it cannot be written, with a note on standard error: the results are still to be printed.
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
