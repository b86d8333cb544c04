"""Published and exact numbers beside what this installation gives, and, in `gpu`, what is checked on a card."""
