"""What a rule's update is compiled to: its operations, its bits, and that nothing is compiled twice."""

import copy
import re

import numpy as np
import pytest
from rule_table import ROWS
from test_rules import SHIPPED, WRAPPED

import gdbench
from gdbench.kernels import RULES
from gdbench.kernels.arithmetic.quotient import quotient
from gdbench.kernels.compile.jit import DISABLED, kernel
from gdbench.kernels.rules.registry import find


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_the_second_call_compiles_nothing():
    from gdbench.kernels.networks import evaluation, training

    problem = gdbench.problem("iris", dtype="float32")
    rule = RULES["adam"]

    def once(seed):
        trained = problem.begin(seed=seed, batch_size=10)
        table = rule.table(rule.with_defaults({}), 1, np.full(5, 0.1), "float32")
        trained.advance(rule.update("float32"), np.zeros((2, problem.size), "float32"), table)
        trained.evaluate()
        problem.gradient(trained.theta)

    kernels = [evaluation.evaluate_once, training.gradient, rule.table_kernel]
    once(0)
    counts = [len(k.signatures) for k in kernels]
    update, loop = rule.update("float32"), training.train("float32")
    once(1)
    assert [len(k.signatures) for k in kernels] == counts
    assert rule.update("float32") is update and training.train("float32") is loop
    assert len(update.signatures) == len(loop.signatures) == 1


DIVIDING = [name for name, row in ROWS.items() if row.divides] + ["lookahead(amsgrad)"]


@pytest.mark.parametrize("name", (*SHIPPED, *WRAPPED))
@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_float32_updates_hold_no_double_and_no_fused_operation_but_those_of_a_quotient(name):
    from gdbench.kernels.rules.contract import _compile_update

    fresh = copy.copy(find(name))
    fresh.source = None  # compiled anew, since what comes from the cache cannot be inspected
    update = _compile_update(fresh, "float32")
    for text in update.inspect_llvm().values():
        assert "fmuladd" not in text and not re.search(r"\bf(mul|add|sub|div) [a-z ]*contract", text)
        assert " double " not in text
        assert ("llvm.fma" in text) == (name in DIVIDING)
    for text in update.inspect_asm().values():
        fused = "vfmadd" in text or "vfnmadd" in text
        assert not fused or name in DIVIDING


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.skipif(DISABLED, reason="plain Python rounds a multiply-add twice")
def test_a_quotient_is_the_division_to_the_bit(dtype):
    rng, number = np.random.default_rng(0), np.dtype(dtype).type
    bits = 23 if dtype == "float32" else 52
    mantissas = 1 + rng.integers(0, 2**bits, 200_000) / 2**bits
    x = np.concatenate([mantissas, np.exp(rng.uniform(-50, 43, 50_000)), [0.0, np.inf, np.nan]]).astype(dtype)
    edges = [1.0, 1 - 2.0 ** -(bits + 1), 1 - 2.0**-bits, 1 + 2.0**-bits, 2 - 2.0**-bits, 1e-8]
    divisors = [*edges, *np.sqrt(1 - 0.999 ** np.arange(1, 100)), *rng.uniform(1e-6, 1, 100)]
    for d in np.array(divisors, dtype):
        np.testing.assert_array_equal(_quotients(x, d), x / number(d))


@kernel(source=None)
def _quotients(x, d):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = quotient(x[i], d)
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.skipif(DISABLED, reason="plain Python rounds a multiply-add twice")
def test_adams_update_has_the_bits_of_its_formula_operation_by_operation(dtype):
    rng, rule, n = np.random.default_rng(0), find("adam"), 1003
    p, g, m, v = (rng.normal(size=n).astype(dtype) for _ in range(4))
    m *= np.exp(rng.uniform(-40, 3, n)).astype(dtype)
    v = (v * v * np.exp(rng.uniform(-80, 3, n))).astype(dtype)
    state = rule.state(n, dtype)
    state[0, :n], state[1, :n] = m, v
    (row,) = rule.table(rule.with_defaults({"weight_decay": 0.1}), 3, np.full(1, 0.01), dtype)
    c = dict(zip(rule.coefficient_names, row, strict=True))
    got = p.copy()
    rule.update(dtype)(got, g, state, row, 0)
    g = g + c["weight_decay"] * p
    m = c["beta1"] * m + c["one_minus_beta1"] * g
    v = c["beta2"] * v + c["one_minus_beta2"] * (g * g)
    np.testing.assert_array_equal(got, p - c["step"] * m / (np.sqrt(v) / c["root"] + c["eps"]))
    np.testing.assert_array_equal(state[:, :n], [m, v])


def test_an_update_moves_the_stretch_that_it_is_given_and_no_other():
    rule, n = find("momentum"), 40
    table = rule.table(rule.with_defaults({}), 1, np.full(1, 0.1), "float64")
    whole, parts, g = np.ones(n), np.ones(n), np.arange(float(n))
    one, other = rule.state(n, "float64"), rule.state(n, "float64")
    rule.update("float64")(whole, g, one, table[0], 0)
    for low, high in ((17, 40), (0, 17)):
        rule.update("float64")(parts[low:high], g[low:high], other, table[0], low)
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(one, other)
