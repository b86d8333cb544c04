"""The direction rules, one file each; importing this package registers them."""

from gdbench.kernels.directions import gd_armijo, gd_exact, lbfgs, newton, newton_cg, newton_damped

__all__ = ["gd_armijo", "gd_exact", "lbfgs", "newton", "newton_cg", "newton_damped"]
