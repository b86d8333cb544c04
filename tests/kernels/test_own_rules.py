"""Rules of the user's own: what may be declared, what is refused in one sentence, and what tells two of them apart."""

import math
from unittest import mock

import numpy as np
import pytest

import gdbench
from gdbench import suites
from gdbench.errors import UsageError
from gdbench.kernels import RULES
from gdbench.kernels.compile.jit import DISABLED


def declare(function, slots=(), **defaults):
    with mock.patch.dict(RULES):  # a plug-in of another test may have left a rule of this name
        RULES.pop(function.__name__.replace("_", "-"), None)
        return gdbench.rule(slots=slots, **defaults)(function)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("alpha", math.inf, "alpha = inf must be a finite number"),
        ("lr", math.inf, "lr = inf must be finite and greater than 0"),
        ("flag", 10**5000, "flag = a whole number of 5000 digits must be true or false"),
        ("alpha", "x" * 10**6, "must be a number"),
    ],
    ids=["infinite", "an infinite rate", "a long number", "a long text"],
)
def test_values_that_a_rule_does_not_take_are_told_in_a_line(name, value, words):
    def mine(p, g, c):
        return p - c.lr * c.alpha * g

    with pytest.raises(UsageError, match=words) as caught:
        declare(mine, lr=0.1, alpha=3.0, flag=True).with_defaults({name: value})
    assert len(str(caught.value)) < 200


def test_a_plug_ins_history_is_its_own():
    def stepping(objective, x, c, memory):
        return x - 1e-3 * objective.gradient(x)

    with mock.patch.dict(RULES):
        gdbench.direction(lr=1.0, history=0.5)(stepping)
        suite = {"problem": {"r": {"kind": "function", "function": "quadratic", "dimension": 1000}}}
        suite |= {
            "budget": {"steps": 10**9},
            "rule": {"stepping": {"history": [0.5, 1e9]}, "lbfgs": {"history": 10**5}},
        }
        with pytest.raises(UsageError, match="history = 100,000 of rule 'lbfgs' with 1,000 parameters takes more than"):
            suites.load(suite)
        del suite["rule"]["lbfgs"]
        assert suites.load(suite).count() > 0


def test_rules_of_any_number_of_slots_run():
    def zero(p, g, c):
        return p - c.lr * g

    def three(p, g, a, b, d, c):
        return p - c.lr * (g + a + b + d), g, a, b

    def four(p, g, a, b, d, e, c):
        return p - c.lr * (g + a + b + d + e), g, a, b, d

    gradients = [1.0, 2.0, 4.0, 8.0, 16.0]
    for function, slots in ((zero, ()), (three, ("a", "b", "d")), (four, ("a", "b", "d", "e"))):
        rule = declare(function, slots, lr=1.0)
        p, state = np.zeros(1), np.zeros((len(slots), 1))
        for t, g in enumerate(gradients, 1):
            rule.update("float64")(p, np.array([g]), state, rule.table({"lr": 1.0}, t, np.ones(1), "float64")[0], 0)
        window = len(slots) + 1  # each slot remembers one gradient more
        assert p[0] == -sum(sum(gradients[max(0, i - window + 1) : i + 1]) for i in range(5))


def test_coefficients_may_be_derived_from_lr_alone_and_mix_integers():
    def halving(p, g, c):
        return p - c.half * c.count * g

    rule = declare(halving, lr=1.0)

    @rule.coefficients("half", "count")
    def _(t, lr):
        return lr / 2.0, t

    np.testing.assert_array_equal(
        rule.table({"lr": 3.0}, 5, np.array([3.0, 3.0]), "float64"), [[3, 1.5, 5], [3, 1.5, 6]]
    )


@pytest.mark.parametrize(
    "returned",
    [
        pytest.param("0.5", marks=pytest.mark.skipif(DISABLED, reason="only the compiler sees that it is no tuple")),
        *("(0.5, 0.5)", "()", "0.5, 1, 2.0"),
    ],
)
def test_coefficients_that_return_too_few_or_too_many_are_refused(returned):
    names = {}
    exec(f"def derive(t, lr):\n    return {returned}", names)

    def short(p, g, c):
        return p - c.a * g

    rule = declare(short, lr=1.0)
    rule.coefficients("a")(names["derive"])
    with pytest.raises(UsageError, match="coefficients must return"):
        rule.table({"lr": 1.0}, 1, np.ones(3), "float64")


def test_a_rule_that_is_wrong_says_why():
    def bad(p, gradient, c):
        return p

    def no_lr(p, g, c):
        return p

    with pytest.raises(UsageError, match=r"must take \(p, g, c\), not \(p, gradient, c\)"):
        declare(bad, lr=0.1)
    with pytest.raises(UsageError, match="needs a default for lr"):
        declare(no_lr)
    with pytest.raises(UsageError, match="registered already"):
        gdbench.rule("adam", lr=0.1)(no_lr)
    with pytest.raises(UsageError, match=r'write @no-lr\.coefficients\("name", \.\.\.\) with the names'):
        declare(no_lr, lr=0.1).coefficients(bad)
    with pytest.raises(UsageError, match=r"write @rule\(lr=\.\.\.\) above no_lr"):
        gdbench.rule(no_lr)
    with pytest.raises(UsageError, match=r"write @direction\(lr=\.\.\.\) above no_lr"):
        gdbench.direction(no_lr)
    with pytest.raises(UsageError, match="slots = 'v' must be a tuple of names"):
        declare(no_lr, slots="v", lr=0.1)
    with pytest.raises(UsageError, match="'steps' cannot name a coefficient"):
        declare(no_lr, lr=0.1, steps=3)
    with pytest.raises(UsageError, match="rule 'my rule' must have a name of small letters"):
        gdbench.rule("my rule", lr=0.1)(no_lr)
    with pytest.raises(UsageError, match="at most 4"):
        declare(no_lr, slots=tuple("abdef"), lr=0.1)


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_a_rule_that_numba_cannot_compile_names_the_line():
    def broken(p, g, c):
        return p - c.rate * g

    rule = declare(broken, lr=0.1)
    with pytest.raises(UsageError, match=r"rule 'broken' cannot be compiled by Numba, at .*own_rules\.py.*line \d+"):
        rule.update("float32")


def test_a_fingerprint_tells_helpers_apart_and_holds_no_address():
    def made(factor):
        def helper(values):
            return sum(factor * value for value in values)  # a function of its own within, whose repr has an address

        def mine(p, g, c):
            return p - c.lr * helper((g,))

        return declare(mine, lr=0.1).fingerprint

    assert made(1.0) == made(1.0) != made(2.0)
    assert " at 0x" not in made(1.0)


def test_a_fingerprint_tells_arrays_and_functions_without_source_apart():
    def with_array(values):
        weights = np.array(values)

        def mine(p, g, c):
            return p - c.lr * weights[0] * g

        return declare(mine, lr=0.1).fingerprint

    def typed(formula):
        names = {}
        exec(f"def mine(p, g, c):\n    return {formula}", names)
        return declare(names["mine"], lr=0.1).fingerprint

    assert with_array([1.0, 2.0]) == with_array([1.0, 2.0]) != with_array([1.0, 3.0])
    formulas = ["p - c.lr * g", "p - 0.1 * g", "p - 0.2 * g", "p - sum(0.1 for _ in (1, 2)) * g"]
    formulas += ["p - sum(0.2 for _ in (1, 2)) * g", "p - abs(0.1) * g", "p - int(0.1) * g"]
    assert len({typed(formula) for formula in formulas}) == len(formulas)
    assert all(typed(formula) == typed(formula) and " at 0x" not in typed(formula) for formula in formulas)
