"""Ranger: RAdam inside lookahead.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"ranger": {"lr": 1e-3}}})
"""

from gdbench.kernels.rules.lookahead import Lookahead
from gdbench.kernels.rules.radam import radam
from gdbench.kernels.rules.registry import RULES


class Ranger(Lookahead):
    """Ranger (Wright, 2019, github.com/lessw2020/Ranger-Deep-Learning-Optimizer): RAdam inside lookahead.

    The formulas are those of radam and lookahead. Defaults are Wright's: lr 1e-3, beta1 0.95, beta2 0.999, eps 1e-5,
    rectify_above 5, k 6, alpha 0.5. Weight decay is added to the gradient, as in radam; Wright decouples it. The
    centralisation of gradients that he added in 2020 is left out.
    """


RULES["ranger"] = Ranger(radam, "ranger", beta1=0.95, eps=1e-5, k=6)
