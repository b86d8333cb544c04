"""Results: metrics, curves and targets; runs as records and as frames; and the files that hold them."""
