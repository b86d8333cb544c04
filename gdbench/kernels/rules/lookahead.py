"""Lookahead: any rule takes k steps, then slow weights move part of the way to where it arrived.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}},
                   "rule": {"lookahead": {"inner": "sgd", "lr": 0.1, "k": 5}}})
"""

import inspect
from functools import lru_cache

from gdbench.errors import UsageError
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.rules.adam import adam
from gdbench.kernels.rules.contract import MAX_SLOTS, Rule, is_scalar
from gdbench.kernels.rules.hyperparameters import KNOWN, Hyperparameter
from gdbench.kernels.rules.registry import RULES, WRAPPERS, BaseRule, check_names

NAME, SLOW = "lookahead", "slow"
OWN = ("k", "alpha")


class Lookahead(Rule):
    """Lookahead (Zhang, Lucas, Hinton and Ba, NeurIPS 2019, algorithm 1) around another rule, by default adam.

    slow = p before the first step
    p = the inner rule's step from p, with its own state
    slow = slow + alpha (p - slow), p = slow at every k-th step

    Write `lookahead(sgd)`, or `inner = "sgd"` in a suite; the inner rule may have three slots at most. Its
    hyperparameters keep their defaults; k = 5 and alpha = 0.5 are those of the paper's experiments on CIFAR. With alpha
    = 1 lookahead equals its inner rule.
    """

    def __init__(self, inner: Rule, name: str, **defaults: float | bool) -> None:
        """`defaults` override those of the inner rule, k = 5 and alpha = 0.5. Raises UsageError for too many slots."""
        if SLOW in inner.slots:
            raise UsageError(f"rule {name!r}: {inner.name} has slow weights of its own; choose another inner rule")
        if len(inner.slots) == MAX_SLOTS:
            raise UsageError(
                f"rule {name!r}: {inner.name} has {MAX_SLOTS} slots and lookahead needs one more; at most {MAX_SLOTS} "
                "are supported"
            )
        check_names(f"rule {name!r}", (*inner.coefficient_names, *OWN, "begins", "pull"))
        super().__init__(
            name,
            _scalar(inner),
            {**inner.defaults, "k": 5, "alpha": 0.5, **defaults},
            derived=(*inner.derived, "begins", "pull"),
            derive=_derive(inner),
            slots=(*inner.slots, SLOW),
            source=inner.source,
        )
        self.inner = inner

    def parts(self) -> list[BaseRule]:
        """This rule and the parts of its inner rule."""
        return [self, *self.inner.parts()]

    def hyperparameter(self, name: str) -> Hyperparameter:
        """The meaning of k and alpha in lookahead, and of all others in the inner rule."""
        return KNOWN[name] if name in OWN else self.inner.hyperparameter(name)

    @property
    def doc(self) -> str:
        """The wrapper's docstring, then the inner rule's."""
        return f"{inspect.getdoc(type(self))}\n\nThe inner rule, {self.inner.name}:\n\n{self.inner.doc}"

    @property
    def text(self) -> str:
        """The source of the wrapper, then the inner rule's."""
        own = [inspect.getmodule(kind) for kind in type(self).__mro__ if issubclass(kind, Lookahead)]
        return "\n\n".join([*(inspect.getsource(module) for module in own if module), self.inner.text])

    @property
    def fingerprint(self) -> str:
        """The fingerprints of the wrapper and of the inner rule."""
        return f"{super().fingerprint}|{self.inner.fingerprint}"


@inlined
def _meet(p, slow, c):
    """The fast and the slow weights after a step. Without a pull p stays as it is, so alpha = 1 changes no bit."""
    met = p + c.pull * (slow - p) if c.pull else p
    return met, met if c.pull else slow


def _scalar(inner):
    """The wrapped scalar function for the inner rule's number of slots, written out for each."""
    step = inlined(inner.function)

    def none(p, g, slow, c):
        slow = p if c.begins else slow
        p = step(p, g, c)
        return _meet(p, slow, c)

    def one(p, g, x, slow, c):
        slow = p if c.begins else slow
        p, x = step(p, g, x, c)
        p, slow = _meet(p, slow, c)
        return p, x, slow

    def two(p, g, x, y, slow, c):
        slow = p if c.begins else slow
        p, x, y = step(p, g, x, y, c)
        p, slow = _meet(p, slow, c)
        return p, x, y, slow

    def three(p, g, x, y, z, slow, c):
        slow = p if c.begins else slow
        p, x, y, z = step(p, g, x, y, z, c)
        p, slow = _meet(p, slow, c)
        return p, x, y, z, slow

    return (none, one, two, three)[len(inner.slots)]


def _derive(inner):
    """The inner rule's coefficients, then `begins` (step 1) and `pull`, the share of the way back to slow weights."""
    derive = inner.derive

    def alone(t, *hyperparameters):
        k, alpha = hyperparameters[-2], hyperparameters[-1]
        return t == 1, (1.0 - alpha if t % k == 0 else 0.0)

    def both(t, *hyperparameters):
        return (*derive(t, *hyperparameters[:-2]), *alone(t, *hyperparameters))

    alone = inlined(alone)
    return alone if derive is None else inlined(both)


def lookahead(inner: BaseRule) -> BaseRule:
    """Lookahead around `inner`, built once per version of a plug-in. Raises UsageError for a direction rule."""
    if not is_scalar(inner):
        raise UsageError(f"rule '{NAME}({inner.name})': {inner.name} is a direction rule; choose a scalar inner rule")
    return RULES[NAME] if inner is adam else _built(inner, inner.source)


@lru_cache(maxsize=32)
def _built(inner: Rule, source: str | None) -> Rule:
    return Lookahead(inner, f"{NAME}({inner.name})")


WRAPPERS[NAME] = lookahead
RULES[NAME] = Lookahead(adam, NAME)
