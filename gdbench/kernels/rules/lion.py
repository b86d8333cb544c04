"""Lion: the sign of a momentum, so that every parameter moves by lr.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"lion": {"lr": 1e-4}}})
"""

from gdbench.kernels.rules.contract import rule


@rule(slots=("m",), lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0)
def lion(p, g, m, c):
    """Lion (Chen et al., Symbolic Discovery of Optimization Algorithms, NeurIPS 2023, algorithm 2).

    direction = beta1 m + (1 - beta1) g
    p = p - lr (sign(direction) + weight_decay p), sign(0) = 0
    m = beta2 m + (1 - beta2) g

    beta1 and beta2 are the paper's, lr is that of the authors' code. weight_decay, decoupled as in AdamW, is 0.
    """
    direction = c.beta1 * m + c.one_minus_beta1 * g
    step = c.lr if direction > 0 else -c.lr if direction < 0 else direction  # 0 gives 0, and NaN gives NaN
    return p - (step + c.decay * p), c.beta2 * m + c.one_minus_beta2 * g


@lion.coefficients("one_minus_beta1", "one_minus_beta2", "decay")
def _(t, lr, beta1, beta2, weight_decay):
    return 1.0 - beta1, 1.0 - beta2, lr * weight_decay
