"""Run a few trials on a GPU under compute-sanitizer, which finds accesses outside of arrays and races in shared memory.

python -m gdbench.verification.gpu.races  # trains what it watches: a few steps and evaluations of mixed trials
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gdbench.kernels.rules.contract import scalar_rules
from gdbench.machine.processes import command, variables
from gdbench.verification.gpu import parity
from gdbench.verification.gpu.contract import WRONG, Budget

TOOLS = ("memcheck", "racecheck")
PLACES = ("/usr/local/cuda/bin", "/usr/local/cuda/compute-sanitizer")
STEPS = (1, 6)
CASE = parity.Case((10, 6, 4), batch_size=16)


def sanitizer() -> str | None:
    """The path of compute-sanitizer; None if it is not installed."""
    return shutil.which("compute-sanitizer", path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES]))


def races(budget: Budget) -> Iterator[Mapping[str, Any] | str]:
    """Yields a row per tool; a sentence if compute-sanitizer is not installed."""
    program = sanitizer()
    if program is None:
        yield "compute-sanitizer is not installed (it comes with the CUDA toolkit); nothing was checked."
        return
    for tool in TOOLS:
        started = time.monotonic()
        verdict, summary = _watched([program, "--tool", tool, "--error-exitcode", "9"], budget.left)
        yield {"tool": tool, "summary": summary, "seconds": time.monotonic() - started, "verdict": verdict}


def _watched(tool: list[str], seconds: float) -> tuple[str, str]:
    """Run a tool; returns its verdict, and its summary or last line."""
    try:
        done = subprocess.run(
            [*tool, *command("from gdbench.verification.gpu.races import main; main()")],
            env=variables(),
            capture_output=True,
            text=True,
            timeout=max(1.0, seconds),
        )
    except subprocess.TimeoutExpired:
        return "unknown", f"not done after {seconds:.0f} s"
    said = [line.strip("= ") for line in (done.stdout + done.stderr).splitlines() if line.strip("= ")]
    summary = next((line for line in reversed(said) if "SUMMARY" in line), said[-1] if said else "nothing was said")
    clean = done.returncode == 0 and re.search(r"SUMMARY: 0 (errors|hazards)", summary)
    return "ok" if clean else WRONG, summary


def main() -> None:
    """Train the trials. There are two rules, so that the kernel has to choose between them."""
    chosen = [rule for rule in scalar_rules() if rule.name in ("adam", "momentum")]
    asked = [parity.ParityTrial(rule, count, (0, count)) for rule in chosen for count in STEPS]
    for engine in ("sweep", "large"):
        parity.on_gpu(CASE.problem("float32"), asked, replace(CASE, engine=engine))


if __name__ == "__main__":
    main()
