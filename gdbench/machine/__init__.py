"""The machine at hand: its processors, caches and GPUs, its software, and which commit of the sources runs."""
