"""The quadratic of random data: its matrix and samples as in DeepOBS, and the problem."""
