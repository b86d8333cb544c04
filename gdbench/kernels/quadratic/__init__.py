"""The quadratic of random data: its matrix and samples as DeepOBS has them, and the problem."""
