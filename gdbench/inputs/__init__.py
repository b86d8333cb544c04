"""What comes from outside gdbench and what is left there: limits, paths, what can be printed, files written whole."""
