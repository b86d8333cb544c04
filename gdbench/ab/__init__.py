"""Compare two installed places: each runs a suite in its own processes, and their steps are timed side by side."""
