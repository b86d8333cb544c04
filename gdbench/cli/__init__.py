"""The command line: the only place that prints, parses arguments and exits."""

from gdbench.cli.app import main

__all__ = ["main"]
