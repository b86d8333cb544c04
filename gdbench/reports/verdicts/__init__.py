"""Shows a comparison: for a terminal, for programs, for CI systems, and as a page."""
