"""Every rule against its formula, hand-worked steps and identities of the literature; the contract's errors."""

import json
import math
from functools import partial

import numpy as np
import pytest
from prescribed import run
from rule_table import ROWS, step

from gdbench.errors import UsageError
from gdbench.kernels import RULES, Rule
from gdbench.kernels.compile import jit
from gdbench.kernels.compile.jit import DISABLED
from gdbench.kernels.rules import hyperparameters, schedules
from gdbench.kernels.rules.registry import find

SHIPPED = tuple(ROWS)
WRAPPED = ("lookahead(sgd)", "lookahead(momentum)", "lookahead(amsgrad)")  # 1, 2 and 4 slots; plain lookahead has 3


def test_the_table_has_a_row_for_every_rule_of_ours_and_for_no_other():
    ours = {name for name, rule in RULES.items() if isinstance(rule, Rule) and rule.source == ""}
    assert ours == set(ROWS)


@pytest.mark.parametrize("name", SHIPPED)
def test_slots_and_defaults_are_those_of_the_sources(name):
    assert (RULES[name].slots, RULES[name].defaults) == (ROWS[name].slots, ROWS[name].defaults)


HAND = {name: row.hand for name, row in ROWS.items()}
HAND["lookahead(sgd)"] = {"k": 1, "alpha": 0.25}, 1 - 0.05 + 0.025


@pytest.mark.parametrize("name", HAND)
def test_two_steps_worked_by_hand(name):
    given, expected = HAND[name]
    assert run(name, [[2.0], [-1.0]], [1.0], lr=0.1, **given)[0] == pytest.approx(expected, rel=1e-14)


OPTIONS = [(name, {}) for name in (*SHIPPED, *WRAPPED)]
OPTIONS += [(name, options) for name, row in ROWS.items() for options in row.options]
OPTIONS += [("lookahead(sgd)", {"k": 7, "alpha": 0.8})]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_a_hundred_steps_follow_the_formula(name, options, weight_decay, dtype):
    rng = np.random.default_rng(0)
    gradients, p = rng.normal(size=(100, 37)), rng.normal(size=37)
    given = {"lr": 0.01, "weight_decay": weight_decay, **options}
    got = run(name, gradients, p, dtype, **given)
    settings, state = find(name).with_defaults(given), {}
    for t, g in enumerate(gradients, 1):
        p = step(name, p, g, state, t, settings)
    assert np.abs(got - p).max() <= (1e-13 if dtype == "float64" else 5e-6) * np.abs(p).max()


@pytest.mark.parametrize("name", (*SHIPPED, *WRAPPED))
def test_slots_hold_what_the_formula_calls_so(name):
    rule, expected, rng = find(name), {}, np.random.default_rng(3)
    given = {name: True for name in rule.defaults if name == "centered"}
    gradients, p, state = rng.normal(size=(7, 5)), rng.normal(size=5), np.zeros((len(rule.slots), 5))
    run(name, gradients, p, state=state, **given)
    for t, g in enumerate(gradients, 1):
        p = step(name, p, g, expected, t, rule.with_defaults(given))
    for slot, values in zip(rule.slots, state, strict=True):
        np.testing.assert_allclose(values, expected[slot], rtol=1e-12, err_msg=slot)


@pytest.mark.parametrize(("name", "factor"), [(name, row.sign) for name, row in ROWS.items() if row.sign])
def test_the_first_step_is_lr_times_the_sign(name, factor):
    rng = np.random.default_rng(1)
    g, p = rng.normal(size=(1, 9)), rng.normal(size=9)
    given = {"lr": 0.1, "weight_decay": 0.0} | ({"eps": 0.0} if "eps" in ROWS[name].defaults else {})
    np.testing.assert_allclose(p - run(name, g, p, **given), 0.1 * factor * np.sign(g[0]), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "given", "other", "its"),
    [
        *((name, *same) for name, row in ROWS.items() for same in row.same),
        *((f"lookahead({name})", {"alpha": 1.0, "k": 3}, name, {}) for name, row in ROWS.items() if not row.wraps),
    ],
)
def test_one_rule_is_another_to_the_bit(name, given, other, its, dtype):
    rng = np.random.default_rng(2)
    g, p = rng.normal(size=(30, 9)), rng.normal(size=9)
    g[:, 0] = p[0] = 0.0
    np.testing.assert_array_equal(run(name, g, p, dtype, lr=0.1, **given), run(other, g, p, dtype, lr=0.1, **its))


def test_amsgrad_is_adam_while_gradients_grow():
    g, p = np.arange(1.0, 31.0)[:, None] * np.array([1.0, -2.0]), np.ones(2)
    np.testing.assert_array_equal(run("amsgrad", g, p), run("adam", g, p))
    assert (run("amsgrad", g[::-1], p, beta2=0.5) != run("adam", g[::-1], p, beta2=0.5)).all()


@pytest.mark.parametrize(("rectify_above", "first"), [(5.0, 6), (4.0, 5)])
def test_radam_rectifies_first_at_the_documented_step(rectify_above, first):
    rule = RULES["radam"]
    table = rule.table(rule.with_defaults({"rectify_above": rectify_above}), 1, np.full(10, 0.1), "float64")
    rectified = table[:, rule.coefficient_names.index("rectified")]
    assert rectified.tolist() == [float(t >= first) for t in range(1, 11)]
    rho = [1999 - 2 * t * 0.999**t / (1 - 0.999**t) for t in (4, 5, 6)]
    assert rho == pytest.approx([3.9975, 4.996, 5.994], abs=1e-3)


def test_radam_does_not_rectify_where_the_length_is_the_bound_itself():
    rule = RULES["radam"]  # with beta2 = 0.75 the length tends to 7, and is that to the bit after a thousand steps
    for bound, rectified in ((7.0, 0.0), (6.5, 1.0)):
        settings = rule.with_defaults({"beta2": 0.75, "rectify_above": bound})
        table = rule.table(settings, 1000, np.full(1, 0.1), "float64")
        assert table[0, rule.coefficient_names.index("rectified")] == rectified


def test_nadam_leaves_out_the_product_of_momenta_only_where_it_no_longer_counts():
    rule, mu = RULES["nadam"], 0.3  # whose 31st power is between a half and a quarter of the spacing of numbers below 1
    table = rule.table(rule.with_defaults({"beta1": 0.6, "momentum_decay": 0.0}), 29, np.full(20, 0.1), "float64")
    products = np.array([math.prod([mu] * t) for t in range(29, 50)])
    expected = 0.1 * (1 - mu) / (1 - products[:-1]), 0.1 * mu / (1 - products[1:])
    for name, values in zip(("gradient_step", "momentum_step"), expected, strict=True):
        np.testing.assert_array_equal(table[:, rule.coefficient_names.index(name)], values)


def test_lion_stands_still_where_momentum_and_gradient_are_zero():
    for dtype in ("float32", "float64"):
        moved = run("lion", [[0.0, -0.0, 3.0, -3.0, math.nan]], [1.0, 1.0, 1.0, 1.0, 1.0], dtype, lr=0.25)
        np.testing.assert_array_equal(moved, [1.0, 1.0, 0.75, 1.25, math.nan])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_gradient_that_is_no_number_stays_visible(name):
    for dtype in ("float32", "float64"):
        assert np.isnan(run(name, [[1.0], [math.nan], [1.0], [1.0]], [1.0], dtype)).all()


@pytest.mark.skipif(DISABLED, reason="300,000 steps need the compiler")
@pytest.mark.parametrize(("name", "end"), [("adam", 0.997), ("amsgrad", -0.998)])
def test_adam_fails_where_reddi_kale_and_kumar_say_and_amsgrad_does_not(name, end):
    rule, steps = RULES[name], 300_000
    t = np.arange(1, steps + 1)
    settings = rule.with_defaults({"beta1": 0.9, "beta2": 0.99, "bias_correction": False})
    table = rule.table(settings, 1, 0.5 / np.sqrt(t), "float64")
    gradients = np.where(t % 101 == 1, 1010.0, -10.0)[:, None]

    @jit.kernel(source=None)
    def descend(update, gradients, state, table, x, path):
        for i in range(path.size):
            update(x, gradients[i], state, table[i], 0)
            x[0] = min(1.0, max(-1.0, x[0]))
            path[i] = x[0]

    path = np.empty(steps)
    descend(rule.update("float64"), gradients, np.zeros((len(rule.slots), 1)), table, np.zeros(1), path)
    assert path[-steps // 10 :].mean() == pytest.approx(end, abs=1e-3)


@pytest.mark.parametrize("name", (*SHIPPED, *WRAPPED))
def test_the_table_does_not_depend_on_where_a_chunk_begins(name):
    rule = find(name)
    lrs = schedules.learning_rates(schedules.with_defaults({"kind": "constant", "warmup": 7}), 0.1, 1, 80, 80)
    whole = rule.table(rule.with_defaults({}), 1, lrs, "float32")
    pieces = [rule.table(rule.with_defaults({}), 1 + i, lrs[i : i + 1], "float32") for i in range(80)]
    np.testing.assert_array_equal(whole, np.vstack(pieces))
    assert whole.dtype == np.float32 and whole.shape == (80, len(rule.coefficient_names))
    np.testing.assert_array_equal(
        rule.table(rule.with_defaults({}), 1, lrs[:10], "float64")[5:],
        rule.table(rule.with_defaults({}), 6, lrs[5:10], "float64"),
    )


def test_warm_up_grows_linearly_to_lr():
    lrs = schedules.learning_rates(schedules.with_defaults({"kind": "constant", "warmup": 4}), 0.8, 1, 6, 6)
    np.testing.assert_allclose(lrs, [0.2, 0.4, 0.6, 0.8, 0.8, 0.8], rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("k", 2.5, "must be a whole number at least 1 and below 1e+09"),
        ("k", 0, "whole number at least 1"),
        ("k", -3.0, "whole number at least 1"),
        ("k", 1e9, "below 1e+09"),
        ("k", 10**400, "must be finite and a whole number"),
        ("k", math.nan, "whole number"),
        ("k", True, "must be a number"),
        ("k", "5", "must be a number"),
        ("alpha", 0.0, "must be greater than 0 and at most 1"),
        ("alpha", 1.0000001, "at most 1"),
        ("alpha", math.nan, "at most 1"),
        ("rectify_above", 3.999, "must be at least 4"),
        ("rectify_above", math.inf, "must be finite and at least 4"),
        ("momentum_decay", -1e-9, "must be at least 0"),
        ("rho", 1.0, "below 1"),
        ("centered", 1, "must be true or false"),
        ("centered", "yes", "must be true or false"),
    ],
)
def test_odd_values_are_refused_with_the_range(name, value, words):
    with pytest.raises(UsageError) as caught:
        hyperparameters.KNOWN[name].check(name, value)
    assert str(caught.value).startswith(f"{name} = ") and words in str(caught.value)


def test_a_whole_number_is_the_same_however_it_is_written():
    texts = {json.dumps(RULES["lookahead"].with_defaults({"k": k})) for k in (7, 7.0, np.float64(7))}
    assert len(texts) == 1 and '"k": 7,' in texts.pop()
    assert hyperparameters.KNOWN["alpha"].check("alpha", 1) == 1.0
    assert hyperparameters.KNOWN["rectify_above"].check("rectify_above", 4) == 4.0


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
        RULES["adam"].with_defaults(given)
    assert words in str(caught.value)


def test_lookahead_goes_around_the_rule_that_is_named():
    assert find("lookahead") is find("lookahead(adam)") is find("lookahead", "adam") is RULES["lookahead"]
    rule = find("lookahead", "momentum")
    assert rule is find("lookahead(momentum)") and rule.name == "lookahead(momentum)"
    assert rule.slots == ("v", "slow") and rule.defaults == {**RULES["momentum"].defaults, "k": 5, "alpha": 0.5}
    assert "Zhang" in rule.doc and "Polyak" in rule.doc and RULES["momentum"].text in rule.text
    assert RULES["momentum"].fingerprint in rule.fingerprint and rule.source == ""
    assert not any("(" in name for name in RULES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lookahead", "sdg"), "unknown rule 'sdg'; did you mean 'sgd'?"),
        (("lookahead(nadm)",), "unknown rule 'nadm'; did you mean 'nadam'?"),
        (("lookahead(lookahead)",), "lookahead has slow weights of its own"),
        (("lookahead(lookahead(sgd))",), "lookahead(sgd) has slow weights of its own"),
        (("lookahead", "ranger"), "ranger has slow weights of its own"),
        (("lookahead", "lbfgs"), "rule 'lookahead(lbfgs)': lbfgs is a direction rule; choose a scalar inner rule"),
        (("lookahead(sgd)", "adam"), "rule 'lookahead(sgd)' has no inner rule; only lookahead has one"),
        (("adam", "sgd"), "rule 'adam' has no inner rule"),
        (("lookahead", ["sgd"]), "unknown rule"),
        ((["lookahead"], "sgd"), "has no inner rule"),
        (("adam(sgd)",), "unknown rule 'adam(sgd)'"),
        (("lookahead(sgd",), "unknown rule 'lookahead(sgd'"),
        (("lookahead()",), "unknown rule ''"),
        ((None,), "unknown rule None"),
    ],
)
def test_a_rule_that_cannot_be_found_or_wrapped_is_refused_in_one_sentence(arguments, words):
    with pytest.raises(UsageError) as caught:
        find(*arguments)
    assert words in str(caught.value) and "\n" not in str(caught.value)


PLUGIN = """
import gdbench

@gdbench.rule(slots=("a", "b", "d"), lr=0.1)
def three(p, g, a, b, d, c):
    return p - c.lr * g, a, b, d

@gdbench.rule(slots=("a", "b", "d", "e"), lr=0.1)
def four(p, g, a, b, d, e, c):
    return p - c.lr * g, a, b, d, e

@gdbench.rule(lr=0.1, k=3)
def clash(p, g, c):
    return p - c.lr * g

@gdbench.rule(lr=0.1)
def half(p, g, c):
    return p - c.half * g

@half.coefficients("half")
def _(t, lr):
    return (lr / 2,)
"""


@pytest.fixture
def plugin(tmp_path):
    """Writes and loads a plug-in; its rules are gone afterwards."""
    from gdbench.plugins import load_file

    before = set(RULES)

    def load(text):
        (tmp_path / "mine.py").write_text(text)
        load_file(tmp_path / "mine.py")

    yield load
    for name in set(RULES) - before:
        del RULES[name]


def test_lookahead_goes_around_rules_of_plug_ins(plugin):
    plugin(PLUGIN)
    g, fixed = [[2.0], [-1.0]], partial(run, start=[1.0], lr=0.1, k=2)
    assert fixed("lookahead(three)", g) == fixed("lookahead(sgd)", g) == pytest.approx(0.95)
    assert fixed("lookahead(half)", g) == pytest.approx(0.975)
    with pytest.raises(UsageError, match="four has 4 slots and lookahead needs one more; at most 4 are supported"):
        find("lookahead(four)")
    with pytest.raises(UsageError, match="rule 'lookahead\\(clash\\)' has two coefficients called 'k'; rename one"):
        find("lookahead(clash)")


@pytest.mark.parametrize("name", ["k", "alpha", "begins", "pull"])
def test_lookahead_refuses_a_rule_whose_coefficients_are_called_like_its_own(name, plugin):
    plugin(f"import gdbench\n@gdbench.rule(lr=0.1, {name}=1)\ndef clash(p, g, c):\n    return p - c.lr * g")
    with pytest.raises(UsageError, match=f"two coefficients called '{name}'; rename one"):
        find("lookahead(clash)")


NAMED_LIKE_OURS = """
import gdbench

@gdbench.rule(lr=0.1, {given})
def power(p, g, c):
    return p - c.lr * g

@gdbench.direction(lr=1.0, {given})
def line(objective, x, c, memory):
    return -objective.gradient(x), False
"""


@pytest.mark.parametrize("name", [name for name in hyperparameters.KNOWN if name != "lr"])
def test_a_plug_in_gives_our_names_a_meaning_of_its_own(name, plugin):
    plugin(NAMED_LIKE_OURS.format(given=f"{name}=2.0"))
    for rule in (find("power"), find("line")):
        for value in (-3.5, 0, 7, 1e12):
            assert rule.with_defaults({name: value})[name] == value
        for value, words in ((math.nan, "finite"), (math.inf, "finite"), (True, "a number"), ("x", "a number")):
            with pytest.raises(UsageError, match=f"^{name} = .*{words}"):
                rule.with_defaults({name: value})
        with pytest.raises(UsageError, match="must be greater than 0"):
            rule.with_defaults({"lr": -1.0})
    assert find("power").hyperparameter(name).range() == "a finite number"
    if name not in ("k", "alpha"):
        assert find("lookahead(power)").with_defaults({name: -3.5})[name] == -3.5


def test_a_switch_of_a_plug_in_is_true_or_false(plugin):
    plugin(NAMED_LIKE_OURS.format(given="nesterov=True, centered=0.5"))
    rule = find("power")
    assert rule.with_defaults({"nesterov": False, "centered": 3}) == {"lr": 0.1, "nesterov": False, "centered": 3.0}
    with pytest.raises(UsageError, match="nesterov = 1 must be true or false"):
        rule.with_defaults({"nesterov": 1})


def test_lookahead_keeps_its_own_ranges_around_a_plug_in(plugin):
    plugin(NAMED_LIKE_OURS.format(given="momentum=2.0"))
    rule = find("lookahead(power)")
    for given, words in (({"alpha": 2.0}, "at most 1"), ({"k": 2.5}, "a whole number")):
        with pytest.raises(UsageError, match=words):
            rule.with_defaults(given)
    with pytest.raises(UsageError, match="below 1"):
        find("lookahead(momentum)").with_defaults({"momentum": 2.0})  # ours, inside


def test_lookahead_follows_a_plug_in_that_changes(plugin):
    from gdbench.plugins import plugin_hash

    plugin(PLUGIN)
    old, code = find("lookahead(half)"), plugin_hash()
    assert find("lookahead(half)") is old
    plugin(PLUGIN.replace("lr / 2", "lr / 4"))
    new = find("lookahead(half)")
    assert new is not old and plugin_hash() != code
    assert old.source != new.source == RULES["half"].source  # which names the folder of machine code
    assert new.fingerprint != old.fingerprint
    assert run("lookahead(half)", [[2.0]], [1.0], lr=0.1) == pytest.approx(0.95)
