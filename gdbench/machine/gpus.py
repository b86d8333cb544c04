"""The NVIDIA GPUs of this machine, as far as they are known without loading numba.cuda.

for gpu in gpus():  # what nvidia-smi says about each
    print(told(gpu))
"""

import csv
import subprocess
from typing import Any

# Fields of `nvidia-smi --query-gpu`, and what they are here: MHz, MiB.
FIELDS = {
    "name": "name",
    "driver_version": "driver",
    "compute_cap": "capability",
    "clocks.sm": "sm_mhz",
    "clocks.max.sm": "sm_mhz_greatest",
    "clocks.mem": "memory_mhz",
    "clocks.max.mem": "memory_mhz_greatest",
    "memory.total": "memory_mib",
    "memory.free": "memory_free_mib",
}
_NUMBERS = {name for name in FIELDS.values() if name.endswith(("_mhz", "_greatest", "_mib"))}


class QueryError(Exception):
    """nvidia-smi gave no answer; the message says why."""


def gpus() -> list[dict[str, Any]]:
    """A dict for each GPU, with the names of `FIELDS` and None for what is unknown; raises QueryError."""
    command = ["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except FileNotFoundError:
        raise QueryError("nvidia-smi is not on the PATH") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise QueryError(f"nvidia-smi cannot be run: {error}") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise QueryError(f"nvidia-smi failed: {lines[0] if lines else f'exit code {done.returncode}'}")
    return parsed(done.stdout)


def parsed(text: str) -> list[dict[str, Any]]:
    """The GPUs in the output of nvidia-smi; raises QueryError unless it has a line of `FIELDS` for each."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]
    if not rows or any(len(row) != len(FIELDS) for row in rows):
        raise QueryError(f"nvidia-smi said {text.strip()[:60]!r}, which is not a list of GPUs")
    return [{name: _value(name, cell) for name, cell in zip(FIELDS.values(), row, strict=True)} for row in rows]


def _value(name: str, cell: str) -> Any:
    if not cell or cell.startswith("["):  # [N/A], [Not Supported], [Unknown Error]
        return None
    if name not in _NUMBERS:
        return cell
    return int(cell) if cell.isdigit() else None


def told(gpu: dict[str, Any]) -> str:
    """A GPU in one line."""

    def clocks(kind: str) -> str:
        now, greatest = gpu[f"{kind}_mhz"], gpu[f"{kind}_mhz_greatest"]
        return f"{_known(now)} of {_known(greatest)} MHz"

    return (
        f"{_known(gpu['name'])}, driver {_known(gpu['driver'])}, compute capability {_known(gpu['capability'])}; "
        f"clocks: SM {clocks('sm')}, memory {clocks('memory')}; "
        f"{_known(gpu['memory_free_mib'])} of {_known(gpu['memory_mib'])} MiB free"
    )


def _known(value: Any) -> str:
    return "?" if value is None else str(value)
