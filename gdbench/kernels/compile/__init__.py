"""How kernels are compiled, for processors and for GPUs, and where machine code is kept."""
