"""Data sets: shipped, files and synthetic; splits and scaling."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import gdbench
from gdbench.data import loading
from gdbench.data.sparse import probabilities
from gdbench.data.splitting import split
from gdbench.data.synthetic import load_synthetic
from gdbench.errors import UsageError
from gdbench.kernels.rules.moments import column_means_and_deviations

SPLIT = {"validation_fraction": 0.15, "test_fraction": 0.15, "scale": "standard", "subset": None}


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("digits", (1797, 64), 10),
        ("iris", (150, 4), 3),
        ("wine", (178, 13), 3),
        ("breast-cancer", (569, 30), 2),
        ("diabetes", (442, 10), 0),
    ],
)
def test_shipped_data_have_their_known_shapes(name, shape, classes):
    loaded = loading.load({"name": name})
    assert loaded.x.shape == shape and loaded.classes == classes and np.isfinite(loaded.x).all()


def test_splits_are_disjoint_complete_and_stratified():
    digits = loading.load({"name": "digits"})
    raw = split(digits, **{**SPLIT, "scale": "none"})
    assert [len(part.x) for part in raw] == [1257, 270, 270]
    together = np.vstack([part.x for part in raw])
    assert sorted(map(bytes, together)) == sorted(map(bytes, digits.x))
    share = np.bincount(digits.y) / len(digits.y)
    for part in raw:
        assert np.abs(np.bincount(part.y, minlength=10) - share * len(part.y)).max() <= 1.0


def test_features_are_scaled_by_the_training_split():
    train, validation, _ = split(loading.load({"name": "wine"}), **SPLIT)
    np.testing.assert_allclose(train.x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(train.x.std(axis=0), 1, rtol=1e-12)
    assert np.abs(validation.x.mean(axis=0)).max() > 1e-3
    low = split(loading.load({"name": "wine"}), **{**SPLIT, "scale": "minmax"})[0].x
    np.testing.assert_array_equal([low.min(axis=0), low.max(axis=0)], [np.zeros(13), np.ones(13)])


def test_a_constant_feature_is_only_shifted():
    train, *_ = split(loading.load({"name": "digits"}), **SPLIT)
    assert not train.x[:, 0].any() and np.isfinite(train.x).all()


def test_moments_agree_with_numpy():
    x = np.random.default_rng(0).normal(3, 2, size=(500, 7))
    means, deviations = column_means_and_deviations(x)
    np.testing.assert_allclose(means, x.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(deviations, x.std(axis=0), rtol=1e-13)


def test_a_subset_takes_from_each_split_of_the_whole():
    wine = loading.load({"name": "wine"})
    whole = split(wine, **{**SPLIT, "scale": "none"})
    few = split(wine, **{**SPLIT, "scale": "none", "subset": 60})
    assert [len(part.x) for part in few] == [42, 9, 9]
    for small, large in zip(few, whole, strict=True):
        assert {row.tobytes() for row in small.x} <= {row.tobytes() for row in large.x}


def test_a_subset_keeps_the_classes():
    parts = split(loading.load({"name": "iris"}), **{**SPLIT, "subset": 30})
    labels = np.concatenate([part.y for part in parts])
    assert np.bincount(labels).tolist() == [10, 10, 10]


def test_fractions_may_be_zero():
    parts = split(loading.load({"name": "iris"}), **{**SPLIT, "validation_fraction": 0.0, "test_fraction": 0.0})
    assert [len(part.x) for part in parts] == [150, 0, 0]


def test_teachers_repeat_and_can_be_learnt(tmp_path):
    options = {"name": "teacher", "samples": 600, "features": 8, "classes": 3, "hidden": [6]}
    first, again = (loading.load(loading.resolve({**options, "seed": s}, tmp_path)) for s in (1, 1))
    np.testing.assert_array_equal(first.x, again.x)
    assert first.classes == 3 and first.x.shape == (600, 8)
    assert not np.array_equal(first.x, loading.load(loading.resolve({**options, "seed": 2}, tmp_path)).x)
    suite = {
        "seeds": 1,
        "tune_seeds": 0,
        "budget": {"epochs": 30},
        "problem": {"t": {"kind": "mlp", "dataset": options}},
        "rule": {"adam": {"lr": 0.01}},
    }
    trials = gdbench.run(suite, store=tmp_path / "t.db").trials
    assert trials["test_accuracy"].iloc[0] > 0.8


def test_a_student_does_not_begin_with_its_teachers_weights():
    options = {"name": "teacher", "samples": 300, "features": 8, "classes": 3, "hidden": [6], "seed": 0}
    definition = {
        "kind": "mlp",
        "dataset": options,
        "hidden": [6],
        "activation": "tanh",
        "init": "glorot-normal",
        "scale": "none",
    }
    values = gdbench.problem(definition).begin(seed=0, batch_size=10).evaluate()
    assert values[3] < 0.8  # training accuracy at step 0


def test_a_teacher_regression_has_its_outputs(tmp_path):
    resolved = loading.resolve({"name": "teacher", "samples": 50, "classes": 0, "outputs": 3, "noise": 0.5}, tmp_path)
    loaded = loading.load(resolved)
    assert loaded.y.shape == (50, 3) and loaded.classes == 0 and loaded.outputs == 3


SPARSE = {"name": "sparse", "samples": 4000, "features": 200, "density": 0.05}


@pytest.mark.parametrize(
    ("features", "density", "exponent"),
    [(1000, 0.01, 1.0), (7, 0.5, 1.0), (1000, 0.5, 3.0), (50, 0.3, 0.0), (1, 0.2, 9)],
)
def test_sparse_frequencies_follow_the_power_law_up_to_a_half(features, density, exponent):
    p = probabilities(features, density, exponent)
    assert p.max() <= 0.5 and np.isclose(p.mean(), density, rtol=1e-12)
    free = p < 0.5
    law = (1.0 + np.arange(features)) ** -exponent
    np.testing.assert_allclose(p[free] / law[free], (p / law)[-1], rtol=1e-12)
    assert (np.diff(p) <= 0).all()


def test_sparse_samples_have_the_frequencies_that_they_should(tmp_path):
    x = loading.load(loading.resolve(SPARSE, tmp_path)).x
    assert set(np.unique(x)) == {0.0, 1.0}
    p = probabilities(200, 0.05, 1.0)
    errors = (x.mean(axis=0) - p) / np.sqrt(p * (1 - p) / 4000)
    assert np.abs(errors).max() < 4.5 and 0.8 < errors.std() < 1.2
    pairs = np.corrcoef(x[:, :20].T)[np.triu_indices(20, 1)]
    assert np.abs(pairs).max() < 5 / np.sqrt(4000)


def test_rare_sparse_features_are_as_informative_as_frequent_ones(tmp_path):
    loaded = loading.load(loading.resolve({**SPARSE, "classes": 0}, tmp_path))
    assert loaded.classes == 0 and loaded.outputs == 1
    # Without noise the targets are linear in the features: least squares gives the teacher's weights.
    weights = np.linalg.lstsq(np.column_stack([loaded.x, np.ones(4000)]), loaded.y[:, 0], rcond=None)[0][:-1]
    np.testing.assert_allclose(weights[:100].std() / weights[100:].std(), 1, atol=0.25)
    assert abs(loaded.y.mean()) < 0.1 and abs(loaded.y.std() - 1) < 0.2


def test_sparse_data_repeat_and_can_be_learnt(tmp_path):
    loaded = loading.load(loading.resolve(SPARSE, tmp_path))
    again = load_synthetic(loading.resolve(SPARSE, tmp_path))
    np.testing.assert_array_equal(loaded.x, again.x)
    np.testing.assert_array_equal(loaded.y, again.y)
    other = loading.load(loading.resolve({**SPARSE, "seed": 1}, tmp_path))
    assert not np.array_equal(loaded.x, other.x) and not np.array_equal(loaded.y, other.y)
    noisy = loading.load(loading.resolve({**SPARSE, "noise": 1.0}, tmp_path))
    np.testing.assert_array_equal(loaded.x, noisy.x)
    assert 0.05 < (loaded.y != noisy.y).mean() < 0.5
    problem = {"kind": "mlp", "dataset": SPARSE, "hidden": [], "scale": "none"}
    rule = {"adagrad": {"lr": 0.3}}
    suite = {"seeds": 1, "tune_seeds": 0, "budget": {"epochs": 10}, "problem": {"s": problem}, "rule": rule}
    assert gdbench.run(suite, store=tmp_path / "s.db").trials["test_accuracy"].item() > 0.85


def test_sparse_data_never_change():
    """Bits that every machine must give; a change of the generator is a change of every stored key's meaning."""
    options = {"name": "sparse", "samples": 200, "features": 100, "density": 0.1, "classes": 0, "noise": 0.1}
    loaded = load_synthetic(loading.resolve(options, Path()))
    found = [sha256(array.astype("<f8").tobytes()).hexdigest()[:16] for array in (loaded.x, loaded.y)]
    assert found == ["15aeba0f0b91184e", "48d6f43b0e976f52"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"density": 0}, ["density = 0", "greater than 0"]),
        ({"density": 0.6}, ["density = 0.6", "less than or equal to 0.5"]),
        ({"exponent": -1}, ["exponent = -1", "greater than or equal to 0"]),
        ({"exponent": float("inf")}, ["exponent = inf", "finite"]),
        ({"samples": "many"}, ["samples = 'many'", "integer"]),
        ({"sample": 3}, ["sparse has no option 'sample'", "did you mean 'samples'"]),
        ({"hidden": [3]}, ["sparse has no option 'hidden'", "known: samples"]),
        ({"samples": 10**8}, ["100,000,000 samples", "200,000,000", "fewer"]),
        ({"samples": 5, "classes": 6}, ["classes = 6", "no sample of class", "more samples"]),
        ({"classes": 1}, ["classes = 1", "0 (a regression), or 2 or more"]),
    ],
)
def test_wrong_options_of_sparse_data_say_what_is_right(options, words, tmp_path):
    with pytest.raises(UsageError) as caught:
        loading.load(loading.resolve({"name": "sparse", **options}, tmp_path))
    for word in words:
        assert word in str(caught.value)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_npz_files_load_and_count_by_content(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5)), np.arange(40) % 3
    here, there = save(tmp_path / "a.npz", X=x, y=y), save(tmp_path / "b.npz", X=x, y=y)
    loaded = loading.load(loading.resolve("a.npz", tmp_path))
    np.testing.assert_array_equal(loaded.x, x)
    assert loaded.classes == 3
    assert loading.resolve(str(here), tmp_path)["sha256"] == loading.resolve(str(there), tmp_path)["sha256"]
    images = save(tmp_path / "c.npz", X=rng.normal(size=(40, 2, 3)), y=rng.normal(size=(40, 2)))
    assert loading.load(loading.resolve(str(images), tmp_path)).x.shape == (40, 6)


X, Y = np.ones((6, 2)), np.array([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": X}, "no array 'y'"),
        ({"x": X, "y": Y}, "no array 'X'"),
        ({"X": X, "y": Y[:5]}, "for 6 samples"),
        ({"X": X[:, 0], "y": Y}, "samples x features"),
        ({"X": np.where(np.arange(12).reshape(6, 2) == 5, np.nan, 1.0), "y": Y}, "X[2, 1] is nan"),
        ({"X": X, "y": np.array([0.0, 1, np.inf, 1, 0, 1])}, "y[2, 0] is inf"),
        ({"X": X, "y": np.zeros((6, 0))}, "must have a row for each"),
        ({"X": X * 1e200, "y": Y}, "below 1e100"),
        ({"X": X, "y": Y - 1}, "labels must be 0, 1, 2"),
        ({"X": X, "y": Y * 2}, "no sample of class 1"),
        ({"X": np.full((6, 2), "a"), "y": Y}, "must hold numbers"),
    ],
)
def test_a_wrong_npz_file_says_what_and_where(arrays, words, tmp_path):
    path = save(tmp_path / "bad.npz", **arrays)
    with pytest.raises(UsageError) as caught:
        loading.load(loading.resolve(str(path), tmp_path))
    assert words in str(caught.value) and "bad.npz" in str(caught.value)


def test_files_that_are_no_npz_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UsageError, match="cannot be read as an NPZ file"):
        loading.load(loading.resolve("text.npz", tmp_path))
    with pytest.raises(UsageError, match=r"not a CSV, Parquet or NPZ file; its name must end in \.csv"):
        (tmp_path / "table.xlsx").write_bytes(b"PK")
        loading.resolve("table.xlsx", tmp_path)


def test_problem_takes_names_and_dicts_and_says_what_is_wrong():
    assert gdbench.problem("iris").size == (4 + 1) * 32 + 33 * 3
    assert gdbench.problem({"kind": "mlp", "dataset": "iris", "hidden": []}).size == 15
    with pytest.raises(UsageError, match="did you mean 'digits'"):
        gdbench.problem("digit")
    with pytest.raises(UsageError, match="one value for each key"):
        gdbench.problem({"kind": "mlp", "dataset": "iris", "l2": [0, 1]})
    with pytest.raises(UsageError, match="first step is step 1"):
        gdbench.problem("iris").batch(0, 0, 4)
