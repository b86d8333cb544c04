"""The command line: the only place that prints, parses arguments and exits."""

from gdbench.cli.start import main

__all__ = ["main"]
