"""What a data set holds is part of a trial's key: other numbers are another trial, wherever they come from."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from key_change import compare as compare_stores
from key_change import without_contents

import gdbench
from gdbench import suites
from gdbench.api import run_metrics
from gdbench.data import loading, shipped
from gdbench.data.dataset import Dataset
from gdbench.errors import UsageError
from gdbench.gate.comparison import compare
from gdbench.gate.sides import side_of
from gdbench.suites.trials import _hash
from gdbench.verification.families import verify

PROBLEM = {"kind": "mlp", "dataset": "iris", "hidden": [4]}
SUITE = {
    "seeds": 2,
    "batch_size": [32],
    "budget": {"epochs": 2},
    "target": {"val_loss": 0.5},
    "rule": {"sgd": {"lr": [0.01, 0.1]}},
}
# As of iris, lr 0.1, seed 0, since a definition says over what a trial is evaluated.
OLD_KEY = "5ef73ce49dd16c4e7a86c656"
OLD_DIGEST = "1309b00a8224552bb06a3e6cc72134ac2ec31e65716563a067dfcbb5810439b7"


def keys(dataset, **others):
    table = {**SUITE, **others, "problem": {"p": {**PROBLEM, "dataset": dataset}}}
    return [trial.key for trial in suites.load(table).first_trials()]


def nudged(name):
    """The shipped data set with one value moved by a unit in the last place."""
    original = shipped.load_shipped(name)
    x = original.x.copy()
    x[3, 1] = np.nextafter(x[3, 1], np.inf)
    return replace(original, x=x)


@pytest.fixture
def other_version(monkeypatch):
    """Another version of scikit-learn, whose data sets differ by a unit in the last place of one value."""

    def take():
        loading._load.cache_clear()
        monkeypatch.setattr(loading, "load_shipped", nudged)

    yield take
    loading._load.cache_clear()


def test_a_unit_in_the_last_place_is_another_key(other_version):
    before = keys("iris")
    other_version()
    assert set(before).isdisjoint(keys("iris"))


def test_the_hash_is_that_of_numbers_and_shapes_alone():
    x, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 0])
    base = Dataset("a", x, y)
    assert replace(base, name="b", names=("u", "v"), columns=("s", "t")).contents == base.contents
    assert replace(base, x=np.asfortranarray(x).astype(">f8"), y=y.astype(">i8")).contents == base.contents
    others = [
        replace(base, x=x.reshape(2, 3)),
        replace(base, y=y.astype(float).reshape(-1, 1)),
        replace(base, x=-x),
        replace(base, test=base),
        replace(base, test=replace(base, x=x + 1)),
    ]
    assert len({base.contents, *(other.contents for other in others)}) == 6


def test_equal_numbers_have_one_key_in_every_format(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"a": np.arange(12.0), "b": np.arange(12.0) ** 2, "y": np.arange(12) % 2})
    table.to_csv("d.csv", index=False)
    table.to_csv("e.csv", index=False, lineterminator="\r\n")
    table.to_parquet("d.parquet", index=False)
    first, *others = [keys(name, batch_size=2) for name in ("d.csv", "e.csv", "d.parquet")]
    assert others == [first, first]


def test_without_the_hash_keys_are_those_of_before_and_digests_are_the_same_in_any_case(tmp_path):
    run = gdbench.run({**SUITE, "problem": {"iris": PROBLEM}}, store=tmp_path / "now.db", time=False)
    loaded = suites.load({**SUITE, "problem": {"iris": PROBLEM}})
    trial = next(
        t for t in loaded._number(loaded.settings, [0], "report", 0) if t.definition["hyperparameters"]["lr"] == 0.1
    )
    identity = copy.deepcopy(trial.setting.identity)
    contents = identity["problem"]["dataset"].pop("contents")
    assert contents in shipped.KNOWN["iris"] and run.about["problems"]["iris"]["dataset"]["contents"] == contents
    assert _hash({**identity, "seed": 0}) == OLD_KEY != trial.key
    assert without_contents(trial.definition) == without_contents({**identity, "seed": 0})
    here = run.trials[run.trials["key"] == trial.key]
    assert set(here["digest"]) == {OLD_DIGEST}
    assert compare_stores(tmp_path / "now.db", tmp_path / "now.db") == (len(set(run.trials["key"])), 0, 0)


def test_a_definition_is_built_on_its_own_data_alone(other_version):
    definition = suites.load({**SUITE, "problem": {"p": PROBLEM}}).problems["p"]
    assert loading.load(definition["dataset"]).classes == 3
    other_version()
    with pytest.raises(UsageError, match=r"iris has the contents \w{8} here, and \w{8} are meant"):
        loading.load(definition["dataset"])


def test_verify_names_contents_that_nobody_knows(other_version):
    assert {row.verdict for row in verify(["contents"])} == {"ok"}
    assert "scikit-learn 1." in next(row.what for row in verify(["contents"]) if row.what.startswith("diabetes"))
    other_version()
    rows = list(verify(["contents"]))
    assert {row.verdict for row in rows} == {"failed"}
    assert all(row.reason.startswith("its contents are ") and "scikit-learn 1." in row.reason for row in rows)


# ------------------------------------------------------------------------------------------- what cannot be joined


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run, one on data that differ in a bit, and the first as it was before, without hashes."""
    store = tmp_path_factory.mktemp("store") / "t.db"
    suite = {**SUITE, "problem": {"iris": PROBLEM, "rosenbrock": {"kind": "function", "function": "rosenbrock"}}}
    del suite["target"]
    first = gdbench.run(suite, store=store, time=False)
    with pytest.MonkeyPatch.context() as patch:
        loading._load.cache_clear()
        patch.setattr(loading, "load_shipped", nudged)
        second = gdbench.run(suite, store=store, time=False, fresh=True)
    loading._load.cache_clear()
    about = copy.deepcopy(first.frames.about)
    del about["problems"]["iris"]["dataset"]["contents"]
    trials = first.trials.assign(
        key=first.trials["key"].map(lambda key: key[::-1]).where(first.trials["problem"] == "iris", first.trials["key"])
    )
    return first, second, replace(first.frames, about=about, trials=trials), store


def verdicts(found):
    return {tuple(row) for row in found.findings[["metric", "problem", "verdict", "reason"]].itertuples(index=False)}


def test_other_data_are_one_sentence_and_nothing_is_missing(runs):
    first, second, old, _ = runs
    for base, head, words in (
        (first.frames, second.frames, "its data differ, base has 65979432 and head has"),
        (
            old,
            first.frames,
            "base was made before the hash of the data was part of a trial's key, and head has 65979432",
        ),
        (first.frames, old, "head was made before the hash of the data"),
    ):
        found = compare(side_of(base), side_of(head))
        assert {v for v in verdicts(found) if v[1] == "iris"} == {("data", "iris", "inconclusive", "other-data")}
        assert {v[2] for v in verdicts(found) if v[1] == "rosenbrock"} == {"unchanged"}
        (detail,) = found.findings["detail"].dropna()
        assert words in detail and found.exit_code() == 4
    # Lenient or not: a gate that compares nothing must not pass.
    assert compare(side_of(old), side_of(first.frames), lenient=True).exit_code() == 4
    assert {v[2] for v in verdicts(compare(side_of(first.frames), side_of(first.frames)))} == {"unchanged"}
    assert {v[2] for v in verdicts(compare(side_of(old), side_of(old)))} == {"unchanged"}


def test_a_trial_that_failed_is_told_on_other_data_too(runs):
    first, second, *_ = runs
    status = second.trials["status"].where(second.trials["problem"] != "iris", "failed")
    broken = replace(second.frames, trials=second.trials.assign(status=status))
    assert compare(side_of(first.frames), side_of(broken)).verdict == "failed"


def test_history_has_metrics_of_their_own_for_other_data(runs):
    *_, store = runs
    from gdbench.store import Store

    database = Store(str(store))
    records = database.runs()
    told = []
    names = set(run_metrics.read_points(database, records, tell=told.append)["metric"])
    assert sum("iris" in name and ", data 65979432)" in name for name in names) == 1
    assert sum("rosenbrock" in name for name in names) == 1
    (sentence,) = told
    assert sentence.startswith("The data of iris were not the same in all runs (") and "65979432" in sentence
    (old,) = run_metrics.parted({"iris": {"a": None, "b": "65979432abc"}})
    assert "unknown, since a run was made before it was stored, 65979432" in old
