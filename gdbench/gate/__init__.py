"""Two sets of results -> verdicts: what got worse, what only changed, and what could not be told."""
