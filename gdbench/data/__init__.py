"""Data sets: shipped ones, files and synthetic ones, as checked arrays."""
