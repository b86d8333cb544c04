"""Published and exact numbers, compared with those of this installation; `gpu` holds the checks on a GPU."""
