"""Initial weights of a network, drawn for each weight by its place in the flat parameters; biases are 0.

he-normal       normal, variance 2 / inputs                  He, Zhang, Ren, Sun, ICCV 2015
he-uniform      uniform, the same variance
glorot-normal   normal, variance 2 / (inputs + outputs)      Glorot, Bengio, AISTATS 2010
glorot-uniform  uniform, the same variance
zeros           all 0: for networks without hidden layers, whose loss is convex
"""

import math

import numpy as np

from gdbench.kernels.arithmetic.random import Stream, normals, uniforms

INITS = ("he-normal", "he-uniform", "glorot-normal", "glorot-uniform", "zeros")


def initial_weights(sizes: np.ndarray, init: str, seed: int, stream: Stream = Stream.INITIAL) -> np.ndarray:
    """The flat parameters, layer by layer W (inputs x outputs, row-major) then b, in float64."""
    count = int(((sizes[:-1] + 1) * sizes[1:]).sum())
    theta = np.zeros(count)
    if init == "zeros":
        return theta
    draws = (normals if init.endswith("normal") else uniforms)(seed, stream, count)
    start = 0
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        deviation = math.sqrt(2.0 / float(inputs if init.startswith("he") else inputs + outputs))
        weights = slice(start, start + inputs * outputs)
        if init.endswith("normal"):
            theta[weights] = deviation * draws[weights]
        else:
            theta[weights] = (deviation * math.sqrt(3.0)) * (2.0 * draws[weights] - 1.0)
        start += (inputs + 1) * outputs
    return theta
