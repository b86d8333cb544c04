"""This machine: its processors, caches and GPUs, its software, and the commit of the sources that run."""
