"""Checks of what comes from outside (limits, paths, what can be printed), and files that are written whole."""
