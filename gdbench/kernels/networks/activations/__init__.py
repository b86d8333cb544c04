"""All activations of hidden layers, and the functions that apply the activation of a given number.

    activate(network.activation, z, sums)

An activation is one file and one entry of `_ACTIVATIONS`, and its number is its index there. The number is compared
outside the loops over elements, so that one compiled network serves all activations.
"""

from gdbench.kernels.compile.jit import inlined, one_of
from gdbench.kernels.networks.activations.contract import Activation
from gdbench.kernels.networks.activations.gelu import GELU
from gdbench.kernels.networks.activations.identity import IDENTITY
from gdbench.kernels.networks.activations.leaky_relu import LEAKY_RELU
from gdbench.kernels.networks.activations.relu import RELU
from gdbench.kernels.networks.activations.sigmoid import SIGMOID
from gdbench.kernels.networks.activations.tanh import TANH

_ACTIVATIONS = (IDENTITY, RELU, LEAKY_RELU, TANH, SIGMOID, GELU)
ACTIVATIONS: dict[str, Activation] = {activation.name: activation for activation in _ACTIVATIONS}
NUMBERS = {name: number for number, name in enumerate(ACTIVATIONS)}
_KEEPERS = sum(1 << number for number, activation in enumerate(_ACTIVATIONS) if activation.keeps_sums)  # one bit each

activate = one_of([activation.apply for activation in _ACTIVATIONS])
backpropagate = one_of([activation.backpropagate for activation in _ACTIVATIONS])
second_derivative = one_of([activation.second_derivative for activation in _ACTIVATIONS])


@inlined
def keeps_sums(activation):
    """Whether the activation of this number needs a layer's sums z for its derivatives."""
    return (_KEEPERS >> activation) & 1 == 1
