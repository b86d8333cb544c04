"""The command line: the only place that prints, parses arguments and exits."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

# A command reads millions of objects into memory, hardly any of them in cycles, and then exits. So the collector of
# cycles runs less often than by default. Processes that a command starts import this too.
gc.set_threshold(50_000, 20, 20)
# pandas keeps texts in Arrow's memory. The system's allocator gives it back: reading 200,000 trials to compare them
# took 490 MB at most, and 560 MB with Arrow's own.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; with 3, and not Python's own 1, if even the start cannot be imported."""
    try:
        from gdbench.cli.start import main as begin
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(
            f"error: gdbench cannot start ({reason}); reinstall it, and run it in a folder without a file named like a "
            "module of Python\n"
        )
        sys.exit(3)
    begin(arguments)


__all__ = ["main"]
