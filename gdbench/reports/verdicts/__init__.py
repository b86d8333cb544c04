"""How a comparison is shown: for a terminal, for programs, for CI systems, and as a page."""
