"""What every problem says of itself."""

SPLITS = ("train", "val", "test")

# A trial has diverged where its loss exceeds this times (1 + |loss at step 0|).
DIVERGED = 1e4

UPDATE = 10  # samples of a batch that take about as long as the update of the parameters does
