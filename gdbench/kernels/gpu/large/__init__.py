"""The engine for large networks: the whole GPU trains one trial after another."""
