"""What comes from outside gdbench: how much of it is taken, where it may lie, and what of it can be printed."""
