"""Arithmetic whose every bit is fixed: products, sums, elementary functions, random numbers, teams of threads."""
