"""Every rule against its formula, hand-worked steps, identities of the literature, and PyTorch."""

import math

import numpy as np
import pytest
import reference

import gdbench
from gdbench.errors import UsageError
from gdbench.kernels import RULES, schedules
from gdbench.kernels.jit import DISABLED

SHIPPED = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")


def run(name, gradients, start, dtype="float64", **given):
    """The parameters after a prescribed sequence of gradients."""
    rule = RULES[name]
    settings = rule.settings(given)
    p, state = np.array(start, dtype), np.zeros((len(rule.slots), len(start)), dtype)
    lrs = schedules.learning_rates(schedules.settings("constant"), settings["lr"], 1, len(gradients), len(gradients))
    table = rule.table(settings, 1, lrs, dtype)
    update = rule.update(dtype)
    for g, row in zip(np.array(gradients, dtype), table, strict=True):
        update(p, np.ascontiguousarray(g), state, row)
    return p


def test_the_six_rules_are_here_with_pytorchs_defaults():
    assert set(SHIPPED) <= set(RULES)
    assert {name: RULES[name].defaults["lr"] for name in SHIPPED} == {
        "sgd": 1e-3, "momentum": 1e-3, "nesterov": 1e-3, "adagrad": 1e-2, "rmsprop": 1e-2, "adam": 1e-3,
    }  # fmt: skip


# Start 1, gradients 2 then -1, lr 0.1: worked by hand from the papers' formulas.
HAND = {
    "sgd": 1 - 0.2 + 0.1,
    "momentum": 1 - 0.1 * 2 - 0.1 * (0.9 * 2 - 1),
    "nesterov": 1 - 0.1 * (2 + 0.9 * 2) - 0.1 * (-1 + 0.9 * (0.9 * 2 - 1)),
    "adagrad": 1 - 0.1 * 2 / (2 + 1e-10) + 0.1 * 1 / (math.sqrt(5) + 1e-10),
    "rmsprop": 1 - 0.1 * 2 / (math.sqrt(0.04) + 1e-8) + 0.1 * 1 / (math.sqrt(0.99 * 0.04 + 0.01) + 1e-8),
    "adam": 1
    - 0.1 * 2 / (2 + 1e-8)
    - 0.1 * ((0.9 * 0.2 - 0.1) / (1 - 0.81)) / (math.sqrt((0.999 * 0.004 + 0.001) / (1 - 0.999**2)) + 1e-8),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_two_steps_worked_by_hand(name):
    assert run(name, [[2.0], [-1.0]], [1.0], lr=0.1)[0] == pytest.approx(HAND[name], rel=1e-14)


OPTIONS = [("sgd", {}), ("momentum", {"momentum": 0.5}), ("nesterov", {}), ("adagrad", {"eps": 1e-3})]
OPTIONS += [("rmsprop", {"rho": 0.9}), ("adam", {"beta1": 0.8}), ("adam", {"bias_correction": False})]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_a_hundred_steps_follow_the_formula(name, options, weight_decay, dtype):
    rng = np.random.default_rng(0)
    gradients, p = rng.normal(size=(100, 37)), rng.normal(size=37)
    given = {"lr": 0.01, "weight_decay": weight_decay, **options}
    got = run(name, gradients, p, dtype, **given)
    settings, state = RULES[name].settings(given), {}
    for t, g in enumerate(gradients, 1):
        p = reference.step(name, p, g, state, t, settings)
    assert np.abs(got - p).max() <= (1e-13 if dtype == "float64" else 5e-6) * np.abs(p).max()


def test_identities_of_the_literature():
    rng = np.random.default_rng(1)
    g, p = rng.normal(size=(30, 9)), rng.normal(size=9)
    np.testing.assert_array_equal(run("momentum", g, p, lr=0.1, momentum=0.0), run("sgd", g, p, lr=0.1))
    np.testing.assert_array_equal(run("nesterov", g, p, lr=0.1, momentum=0.0), run("sgd", g, p, lr=0.1))
    first = g[:1]
    for name, factor in (("adam", 1.0), ("adagrad", 1.0), ("rmsprop", 1 / math.sqrt(1 - 0.99))):
        moved = p - run(name, first, p, lr=0.1, eps=0.0)
        np.testing.assert_allclose(moved, 0.1 * factor * np.sign(first[0]), rtol=1e-12)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_table_does_not_depend_on_where_a_chunk_begins(name):
    rule = RULES[name]
    lrs = schedules.learning_rates(schedules.settings({"kind": "constant", "warmup": 7}), 0.1, 1, 50, 50)
    whole = rule.table(rule.settings({}), 1, lrs, "float32")
    pieces = [rule.table(rule.settings({}), 1 + i, lrs[i : i + 1], "float32") for i in range(50)]
    np.testing.assert_array_equal(whole, np.vstack(pieces))
    assert whole.dtype == np.float32 and whole.shape == (50, len(rule.coefficient_names))


def torch_optimizers(torch):
    return {
        "sgd": lambda p, lr: torch.optim.SGD(p, lr=lr),
        "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
        "nesterov": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
        "adagrad": lambda p, lr: torch.optim.Adagrad(p, lr=lr),
        "rmsprop": lambda p, lr: torch.optim.RMSprop(p, lr=lr),
        "adam": lambda p, lr: torch.optim.Adam(p, lr=lr),
    }


@pytest.mark.parametrize("lr", [1e-3, 1e-2])
@pytest.mark.parametrize("name", SHIPPED)
def test_training_digits_agrees_with_pytorch(name, lr):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    problem = gdbench.problem({"kind": "mlp", "dataset": "digits", "hidden": [32, 16]})
    theta = problem.initial(0)
    layers = [torch.tensor(a, requires_grad=True) for pair in reference.unpack(theta, problem.sizes) for a in pair]
    optimizer = torch_optimizers(torch)[name](layers, lr)
    x, y = torch.tensor(problem.x), torch.tensor(problem.y)
    for step in range(1, 201):
        rows = torch.tensor(problem.batch(0, step, 32))
        z = x[rows]
        for i in range(0, len(layers), 2):
            z = z @ layers[i] + layers[i + 1]
            z = torch.relu(z) if i < len(layers) - 2 else z
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(z, y[rows]).backward()
        optimizer.step()
    expected = np.concatenate([layer.detach().numpy().ravel() for layer in layers])
    rule = RULES[name]
    trained = problem.begin(seed=0, batch_size=32)
    settings = rule.settings({"lr": lr})
    lrs = schedules.learning_rates(schedules.settings("constant"), lr, 1, 200, 200)
    trained.advance(
        rule.update("float64"), np.zeros((len(rule.slots), problem.size)), rule.table(settings, 1, lrs, "float64")
    )
    assert np.abs(trained.theta - expected).max() <= 1e-7 * np.abs(expected).max()


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_the_second_call_compiles_nothing():
    from gdbench.kernels import training

    problem = gdbench.problem("iris", dtype="float32")
    rule = RULES["adam"]

    def once(seed):
        trained = problem.begin(seed=seed, batch_size=10)
        table = rule.table(rule.settings({}), 1, np.full(5, 0.1), "float32")
        trained.advance(rule.update("float32"), np.zeros((2, problem.size), "float32"), table)
        trained.evaluate()
        problem.gradient(trained.theta)

    kernels = [training.evaluate, training.gradient, rule.table_kernel]
    once(0)
    counts = [len(k.signatures) for k in kernels]
    update, loop = rule.update("float32"), training.train("float32")
    once(1)
    assert [len(k.signatures) for k in kernels] == counts
    assert rule.update("float32") is update and training.train("float32") is loop
    assert len(update.signatures) == len(loop.signatures) == 1


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_float32_updates_hold_no_double_and_no_fused_operation(name):
    from gdbench.kernels.contract import _compile_update

    rule = RULES[name]
    fresh = type(rule)(name, rule.scalar, rule.slots, rule.defaults, None, rule.derived, rule.derive)
    update = _compile_update(fresh, "float32")
    for text in update.inspect_llvm().values():
        assert "llvm.fma" not in text and "fmuladd" not in text
        assert " double " not in text
    for text in update.inspect_asm().values():
        assert "vfmadd" not in text and "vfnmadd" not in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lr": -1.0}, "lr = -1.0 must be greater than 0"),
        ({"lr": 0.0}, "greater than 0"),
        ({"lr": math.nan}, "greater than 0"),
        ({"lr": math.inf}, "greater than 0"),
        ({"beta1": 1.5}, "beta1 = 1.5 must be at least 0 and below 1"),
        ({"eps": "small"}, "must be a number"),
        ({"bias_correction": 1}, "must be true or false"),
        ({"betta1": 0.5}, "did you mean 'beta1'"),
    ],
)
def test_wrong_hyperparameters_are_refused(given, words):
    with pytest.raises(UsageError, match=r"adam|must") as caught:
        RULES["adam"].settings(given)
    assert words in str(caught.value)


def declare(function, slots=(), **defaults):
    try:
        return gdbench.rule(slots=slots, **defaults)(function)
    finally:
        RULES.pop(function.__name__.replace("_", "-"), None)


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
            rule.update("float64")(p, np.array([g]), state, rule.table({"lr": 1.0}, t, np.ones(1), "float64")[0])
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


@pytest.mark.parametrize("returned", ["0.5", "(0.5, 0.5)", "()", "0.5, 1, 2.0"])
@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
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
    with pytest.raises(UsageError, match="at most 4"):
        declare(no_lr, slots=tuple("abdef"), lr=0.1)


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_a_rule_that_numba_cannot_compile_names_the_line():
    def broken(p, g, c):
        return p - c.rate * g

    rule = declare(broken, lr=0.1)
    with pytest.raises(UsageError, match=r"rule 'broken' cannot be compiled by Numba, at .*test_rules\.py.*line \d+"):
        rule.update("float32")
