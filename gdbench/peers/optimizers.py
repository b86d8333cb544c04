"""The classes of PyTorch and Optax for our rules, and their names for our hyperparameters.

    pytorch("rmsprop", {"rho": 0.9})  # ("RMSprop", {"alpha": 0.9})

A library whose formula differs from ours (`gdbench show RULE`) counts as one without the rule.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from gdbench.peers.contract import UnsupportedError

PYTORCH = {
    "sgd": "SGD",
    "momentum": "SGD",
    "nesterov": "SGD",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "amsgrad": "Adam",
    "adamax": "Adamax",
    "nadam": "NAdam",
    "adamw": "AdamW",
    "radam": "RAdam",
}
_MOMENTUM = 0.9  # our default; PyTorch's is 0


def pytorch(rule: str, hyperparameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of the class of torch.optim and its options, without lr, for a rule with these hyperparameters.

    For hyperparameters that are not given, PyTorch's defaults hold, which equal ours. Raises UnsupportedError if
    PyTorch lacks the rule or an option.
    """
    if rule not in PYTORCH:
        raise UnsupportedError(f"torch.optim has no {rule}")
    given = {name: value for name, value in hyperparameters.items() if name != "lr"}
    if not given.pop("bias_correction", True):
        raise UnsupportedError(f"torch.optim.{PYTORCH[rule]} always corrects its running means")
    if given.pop("rectify_above", 5.0) != 5.0:
        raise UnsupportedError("torch.optim.RAdam rectifies above 5 and nowhere else")
    options: dict[str, Any] = {}
    if rule in ("momentum", "nesterov"):
        options = {"momentum": given.pop("momentum", _MOMENTUM), "nesterov": rule == "nesterov"}
    if rule == "amsgrad":
        options = {"amsgrad": True}
    if "beta1" in given or "beta2" in given:
        options["betas"] = (given.pop("beta1", 0.9), given.pop("beta2", 0.999))
    if rule == "rmsprop" and "rho" in given:
        options["alpha"] = given.pop("rho")
    return PYTORCH[rule], {**options, **given}


def optax(rule: str, hyperparameters: Mapping[str, Any], lr: Any, library: Any = None) -> Any:
    """Optax's transformation for a rule with all its hyperparameters. lr: may be traced.

    Lookahead's takes `optax.LookaheadParams`. library: stands for Optax, which is imported otherwise. Raises
    UnsupportedError if Optax lacks the rule or an option.
    """
    library = library or import_module("optax")
    given = {name: value for name, value in hyperparameters.items() if name != "lr"}
    if rule == "lookahead" or rule.startswith("lookahead("):
        inner = rule.partition("(")[2].removesuffix(")") or "adam"
        k, alpha = given.pop("k"), given.pop("alpha")
        return library.lookahead(optax(inner, given, lr, library), k, alpha)
    if not given.pop("bias_correction", True):
        raise UnsupportedError(f"optax.{rule} always corrects its running means")
    decay = given.pop("weight_decay", 0.0)
    betas = {short: given.pop(name) for name, short in (("beta1", "b1"), ("beta2", "b2")) if name in given}
    if rule in ("adamw", "lion"):  # weight decay is decoupled in Optax as it is here
        return getattr(library, rule)(lr, **betas, **given, weight_decay=decay)
    made = _coupled(library, rule, lr, {**betas, **given})
    return library.chain(library.add_decayed_weights(decay), made) if decay else made


def _coupled(library: Any, rule: str, lr: Any, given: dict[str, Any]) -> Any:
    """Optax's transformation for a rule whose weight decay is added to the gradient."""
    match rule:
        case "sgd":
            return library.sgd(lr)
        case "momentum" | "nesterov":
            return library.sgd(lr, momentum=given["momentum"], nesterov=rule == "nesterov")
        case "adagrad":
            # Optax divides by sqrt(s + eps^2), we by sqrt(s) + eps: nearly equal for an eps as small as our default.
            if given["eps"] > 1e-8:
                raise UnsupportedError("optax.adagrad has its eps inside the root")
            return library.adagrad(lr, initial_accumulator_value=0.0, eps=given["eps"] ** 2)
        case "rmsprop":
            decay = given.pop("rho")
            momentum = given.pop("momentum") or None
            return library.rmsprop(lr, decay=decay, momentum=momentum, eps_in_sqrt=False, **given)
        case "radam":
            # Optax adds eps to the corrected root, we add it to the uncorrected one.
            if given["eps"] > 1e-8:
                raise UnsupportedError("optax.radam adds its eps elsewhere")
            return library.radam(lr, threshold=given.pop("rectify_above"), **given)
        case "adadelta" | "adam" | "adamax":
            return getattr(library, rule)(lr, **given)
        case "amsgrad":
            raise UnsupportedError("optax.amsgrad takes the greatest of corrected squares, not of the squares")
        case "nadam":
            raise UnsupportedError("optax.nadam has no schedule of its momentum")
        case "ranger":
            raise UnsupportedError("optax.radam, which ranger needs, adds its eps elsewhere")
    raise UnsupportedError(f"Optax has no {rule}")
