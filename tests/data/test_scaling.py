"""Scaling by the training samples: what is constant becomes 0 exactly, and what hardly varies keeps its shape."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from gdbench import suites
from gdbench.data.dataset import Dataset
from gdbench.data.scaling import scaling
from gdbench.data.splitting import rows
from gdbench.errors import UsageError

VALUES = [0.1, 1 / 3, 14.62, -14.62, 123456.789, 1e-300, 5e-324, 1e99, 0.0, -0.0, 1e9 + 0.1, 2.0**53 + 2]


@pytest.mark.parametrize("scale", ["standard", "minmax"])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("count", [1, 2, 3, 60, 1257])
def test_a_constant_feature_is_shifted_by_its_value_exactly(value, count, scale):
    scaled = scaling(np.full((count, 1), value), scale)
    assert not scaled(np.full((count, 1), value)).any()
    for other in (value + 0.01, value + 2.0, -value):
        assert scaled(np.array([[other]])).item() == other - value


def exactly_standard(x):
    """Mean 0 and deviation 1, by fractions."""
    exact = [Fraction(value) for value in x]
    between = [(value - min(exact)) / (max(exact) - min(exact)) for value in exact]  # of a size that floats hold
    mean = sum(between) / len(between)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in between) / len(between))
    return np.array([float(value - mean) / deviation for value in between])


COLUMNS = {
    "a nanosecond of a time in seconds": 1.7e9 + 1e-3 * np.random.default_rng(0).normal(size=40),
    "one part in a billion": 3.0 + 3e-9 * np.random.default_rng(1).normal(size=40),
    "negative": -1e9 + 1e-3 * np.random.default_rng(2).uniform(size=40),
    "forty roundings": 1.0 + np.arange(40) * 2.0**-52,
    "an ordinary column": np.random.default_rng(3).normal(size=40),
    "large values": 1e90 * np.random.default_rng(4).normal(size=40),
    "values whose squares are 0": 1e-170 * np.random.default_rng(5).normal(size=40),
    "values that a float can hardly hold": 1e-318 * np.arange(1, 41),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_feature_is_standard_however_little_it_varies(kind):
    x = COLUMNS[kind].reshape(-1, 1)
    np.testing.assert_allclose(scaling(x, "standard")(x)[:, 0], exactly_standard(x[:, 0]), rtol=1e-7, atol=1e-9)
    between = scaling(x, "minmax")(x)
    assert (between.min(), between.max()) == (0.0, 1.0)


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_what_differs_by_rounding_alone_is_constant(scale):
    x = np.array([0.1 + 0.2, 0.3, 0.15 + 0.15, 0.3]).reshape(-1, 1)
    scaled = scaling(x, scale)
    assert not scaled(x).any()
    np.testing.assert_allclose(scaled(np.array([[0.5]])), 0.2)
    large = 1e20 * x  # whose rounding is thousands
    scaled = scaling(large, scale)
    assert not scaled(large).any()
    np.testing.assert_allclose(scaled(np.array([[5e19]])), 2e19)


def test_a_feature_does_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    columns = [rng.normal(size=50), np.full(50, 0.1), 1e9 + 1e-3 * rng.normal(size=50), 1e-200 * rng.normal(size=50)]
    alone = [scaling(c.reshape(-1, 1), "standard")(c.reshape(-1, 1))[:, 0] for c in columns]
    for order in itertools.permutations(range(4)):
        x = np.column_stack([columns[j] for j in order])
        np.testing.assert_array_equal(scaling(x, "standard")(x), np.column_stack([alone[j] for j in order]))


def test_samples_far_from_the_training_samples_are_infinite_without_a_warning():
    x = 1e-300 * np.arange(1.0, 5.0).reshape(-1, 1)
    assert np.isinf(scaling(x, "standard")(np.array([[1e99]]))).all()


def test_what_hardly_varies_is_said_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    columns = {
        "a": rng.normal(size=40),
        "same": np.full(40, 0.1),
        "c": 0.3 + 5e-17 * (np.arange(40) % 2),
        "t": 1e9 + 1e-3 * rng.normal(size=40),
    }
    lines = [
        ",".join([*map(repr, map(float, row)), str(i % 2)]) for i, row in enumerate(zip(*columns.values(), strict=True))
    ]
    (tmp_path / "d.csv").write_text("\n".join([",".join([*columns, "y"]), *lines]))
    problem = {"kind": "mlp", "dataset": "d.csv", "hidden": [[2], [3]]}
    table = {"batch_size": 2, "problem": {"p": problem}, "rule": {"sgd": {}}}
    read, rounding, narrow = suites.load(table).notices
    assert read.startswith("d.csv: 40 samples, 4 features")
    assert rounding == (
        "d.csv: column c varies by 5.55e-17 around 0.3 in the training samples, which is rounding; scaling takes it "
        "for constant"
    )
    assert narrow.startswith("d.csv: column t varies by 0.00") and narrow.endswith(
        "e-12 of its size; it is nearly constant"
    )
    np.savez(tmp_path / "d.npz", X=1.0 + 2.0**-40 * rng.normal(size=(40, 9)), y=np.arange(40) % 2)
    found = suites.load({**table, "problem": {"p": {**problem, "dataset": "d.npz"}}}).notices
    assert (
        "feature 1 varies by" in found[1]
        and found[-1] == "d.npz: 4 other features are nearly constant in the training samples"
    )


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast-cancer", "diabetes"])
def test_nothing_is_said_of_what_comes_with_gdbench(name):
    table = {"batch_size": 2, "problem": {"p": {"kind": "mlp", "dataset": name}}, "rule": {"sgd": {}}}
    assert suites.load(table).notices == []


def test_a_subset_has_as_many_samples_as_it_says():
    for total in range(2, 26):
        whole = Dataset("d", np.zeros((total, 1)), np.zeros((total, 1)))
        for fractions in ((0.15, 0.15), (0.25, 0.25), (0.5, 0.0), (0.0, 0.5), (0.1, 0.3)):
            for count in range(2, total + 1):
                try:
                    train, validation, test = rows(whole, *fractions, count)
                except UsageError:
                    continue
                together = np.concatenate([train, validation, test])
                assert len(np.unique(together)) == len(together) == count, (total, fractions, count)
                every = rows(whole, *fractions, None)
                assert all(set(few) <= set(many) for few, many in zip((train, validation, test), every, strict=True))


def test_a_subset_of_training_and_test_files_has_as_many_samples_as_it_says():
    for total in range(2, 26):
        test = Dataset("t", np.zeros((3, 1)), np.zeros((3, 1)))
        whole = Dataset("d", np.zeros((total, 1)), np.zeros((total, 1)), test=test)
        for count in range(2, total + 1):
            train, validation, _ = rows(whole, 0.25, 0.15, count)
            assert len(train) + len(validation) == count
