"""Measure what a step costs on a GPU, and the GPU's limits."""
