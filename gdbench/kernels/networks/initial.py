"""Initial weights of a network. Each weight's number is drawn by its index in the flat parameters; biases are 0.

he-normal       normal, variance 2 / inputs                  He, Zhang, Ren, Sun, ICCV 2015
he-uniform      uniform, the same variance
glorot-normal   normal, variance 2 / (inputs + outputs)      Glorot, Bengio, AISTATS 2010
glorot-uniform  uniform, the same variance
zeros           all 0: for networks without hidden layers, whose loss is convex
"""

import math

import numpy as np

from gdbench.kernels.arithmetic.random import Stream, normals, uniforms
from gdbench.kernels.layers import Layers

INITS = ("he-normal", "he-uniform", "glorot-normal", "glorot-uniform", "zeros")


def initial_weights(layers: Layers, init: str, seed: int, stream: Stream = Stream.INITIAL) -> np.ndarray:
    """The flat parameters (size) in float64: for each layer W (inputs x outputs, row-major), then b."""
    theta = np.zeros(layers.size)
    if init == "zeros":
        return theta
    # One draw per parameter, biases included, so that a weight's draw depends on its index alone.
    draws = (normals if init.endswith("normal") else uniforms)(seed, stream, layers.size)
    for at in layers.rows:
        deviation = math.sqrt(2.0 / float(at.inputs if init.startswith("he") else at.inputs + at.outputs))
        weights = slice(at.weight, at.bias)
        if init.endswith("normal"):
            theta[weights] = deviation * draws[weights]
        else:
            theta[weights] = (deviation * math.sqrt(3.0)) * (2.0 * draws[weights] - 1.0)
    return theta
