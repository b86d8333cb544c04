"""identity: z, so that all layers together are one linear map."""

from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.activations.contract import Activation, zero


@inlined
def _apply(z, sums):
    pass


@inlined
def _backpropagate(a, z, d):
    pass


IDENTITY = Activation("identity", "z", _apply, _backpropagate, zero)
