"""NAdam: Adam with Nesterov's momentum.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"nadam": {"lr": 2e-3}}})
"""

import math

from gdbench.kernels.arithmetic.elementary import exp, log, one_minus_power
from gdbench.kernels.arithmetic.quotient import quotient
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.rules.contract import rule


@rule(slots=("m", "v"), lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, momentum_decay=4e-3)
def nadam(p, g, m, v, c):
    """NAdam (Dozat, ICLR 2016 workshop, algorithm 2, with the momentum schedule of its report).

    mu_t = beta1 (1 - 1/2 0.96^(t momentum_decay)), M_t = mu_1 mu_2 ... mu_t
    g = g + weight_decay p
    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    p = p - lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(v) / sqrt(1 - beta2^t) + eps)

    Defaults are those of torch.optim.NAdam, whose momentum_decay 0.004 and 0.96 are Dozat's.
    """
    g = g + c.weight_decay * p
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    return p - (c.gradient_step * g + c.momentum_step * m) / (quotient(math.sqrt(v), c.root) + c.eps), m, v


@inlined
def _fading(t, momentum_decay):
    """The share by which mu_t is less than beta1."""
    return 0.5 * exp(t * momentum_decay * log(0.96))


@inlined
def _mu(t, beta1, momentum_decay):
    return beta1 * (1.0 - _fading(t, momentum_decay))


@nadam.coefficients("one_minus_beta1", "one_minus_beta2", "root", "gradient_step", "momentum_step")
def _(t, lr, beta1, beta2, eps, weight_decay, momentum_decay):
    # M_t is computed from step 1 every time, so that it does not depend on where a chunk begins. Once 1 - M_t rounds to
    # 1 the rest changes nothing.
    product = 1.0
    for i in range(1, t + 1):
        product *= _mu(i, beta1, momentum_decay)
        if 1.0 - product == 1.0:
            break
    mu, following = _mu(t, beta1, momentum_decay), _mu(t + 1, beta1, momentum_decay)
    # The digits of 1 - mu cancel if mu is nearly 1; the sum of two small terms loses none.
    rest = 1.0 - mu if mu < 0.9999 else (1.0 - beta1) + beta1 * _fading(t, momentum_decay)
    gradient_step = lr * rest / (1.0 - product)
    momentum_step = lr * following / (1.0 - product * following)
    return 1.0 - beta1, 1.0 - beta2, math.sqrt(one_minus_power(beta2, t)), gradient_step, momentum_step
