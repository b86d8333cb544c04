"""Checks and measurements on a GPU: parity with the CPU, limits, updates, and sweeps beside other libraries."""
