"""The engine for many small networks: one block of threads trains one whole trial."""
