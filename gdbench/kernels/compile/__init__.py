"""Compile kernels for processors and for GPUs, and keep their machine code on disk."""
