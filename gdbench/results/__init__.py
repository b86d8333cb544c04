"""What a result is: metrics, curves, targets; a run as records and as frames; and the files that hold it."""
