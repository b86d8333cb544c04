"""`gdbench history`: changes where the level moved and nowhere else, runs of one machine, what is accepted."""

import io
import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbench.api import history, run_metrics
from gdbench.cli import main
from gdbench.machine.environment import environment, fingerprint
from gdbench.reports import history as figures
from gdbench.reports.history_table import rows
from gdbench.results.frames import timing_frames
from gdbench.stats.changes import LEVEL, change_points, levels
from gdbench.stats.timings import relative_costs
from gdbench.store import Store, TrialRecord

pytestmark = pytest.mark.usefixtures("no_pictures")

HERE = environment()
DAY = 86400.0


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


# ------------------------------------------------------------------------------------------------------ change points

SERIES = st.lists(st.floats(0.5, 2.0), max_size=40)


def shifted(sizes, ratio, noise, seed):
    """Parts of so many points, each on a level `ratio` times the one before."""
    random = np.random.default_rng(seed)
    logs = np.concatenate([np.full(size, i * np.log(ratio)) for i, size in enumerate(sizes)])
    return np.exp(logs + noise * random.standard_normal(len(logs)))


@given(SERIES, st.sampled_from([1e-9, 0.3, 7.0, 1e12]))
def test_a_unit_changes_nothing(values, unit):
    found, other = change_points(values), change_points(np.array(values) * unit)
    assert found["first"].tolist() == other["first"].tolist()
    np.testing.assert_allclose(found["ratio"], other["ratio"])


@given(st.floats(1e-12, 1e12), st.integers(0, 50))
def test_a_constant_series_has_no_change(value, count):
    assert change_points([value] * count).empty and levels([value] * count, []).tolist() == [value] * count


@given(st.integers(3, 20), st.integers(3, 20), st.sampled_from([0.5, 0.9, 1.1, 3.0]), st.integers(0, 10**6))
def test_a_shift_is_found_within_a_point(before, after, ratio, seed):
    found = change_points(shifted([before, after], ratio, 0.002, seed))
    assert len(found) == 1 and abs(found["first"].item() - before) <= 1 and found["p"].item() <= LEVEL
    assert found["ratio"].item() == pytest.approx(ratio, rel=0.02)


@given(st.lists(st.integers(4, 12), min_size=2, max_size=4), st.integers(0, 10**6))
def test_a_reversed_series_has_the_same_changes_backwards(sizes, seed):
    values = shifted(sizes, 1.3, 0.02, seed)
    found, back = change_points(values), change_points(values[::-1])
    assert found["first"].tolist() == sorted(len(values) - back["first"])
    np.testing.assert_allclose(found["ratio"], 1 / back["ratio"][::-1])


def test_the_limits_are_kept():
    values = [1.0] * 10 + [1.05] * 10 + [1.5] * 3
    assert change_points(values)["first"].tolist() == [10, 20]
    assert 20 not in change_points(values, minimum=4)["first"].tolist()
    assert change_points(values[:20], magnitude=0.051).empty
    assert change_points(values[:20], magnitude=0.05)["first"].tolist() == [10]
    for wrong in ({"values": [1.0, 0.0]}, {"values": [1.0, np.nan]}, {"values": [1.0], "minimum": 1}):
        with pytest.raises(ValueError, match="must be"):
            change_points(**wrong)


def test_what_is_not_reached_is_a_level_of_its_own():
    lost = change_points([100.0] * 5 + [np.inf] * 5)
    assert lost["first"].tolist() == [5] and lost["ratio"].tolist() == [np.inf]
    assert change_points([np.inf] * 5 + [100.0] * 5)["ratio"].tolist() == [0.0]
    assert change_points([np.inf] * 10).empty


@pytest.mark.parametrize("count", [6, 12, 40])
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "bad runs", "steps"])
def test_noise_seldom_shows_a_change(kind, count):
    random = np.random.default_rng(1)
    draws = {
        "normal": lambda: random.standard_normal(count),
        "heavy tails": lambda: random.standard_t(3, count),
        "bad runs": lambda: random.standard_normal(count) + 20 * (random.random(count) < 0.05),
        "steps": lambda: np.round(random.standard_normal(count)),  # many equal values
    }
    alarms = sum(len(change_points(np.exp(draws[kind]()), magnitude=0.0)) > 0 for _ in range(600))
    assert alarms <= (24 if kind == "bad runs" else 12)  # three bad runs in five look like a level


@pytest.mark.parametrize("sizes", [(3, 3), (37, 3), (20, 20), (13, 14, 13)])
def test_a_change_of_ten_percent_in_noise_of_one_is_nearly_always_found(sizes):
    found = [change_points(shifted(sizes, 1.1, 0.01, seed)) for seed in range(100)]
    assert sum(len(f) == len(sizes) - 1 for f in found) >= 95
    places = np.cumsum(sizes)[:-1]
    assert sum(f["first"].tolist() == places.tolist() for f in found) >= 90


def test_a_change_that_was_taken_back_is_found():
    for sizes in ((18, 3, 19), (9, 11, 10), (3, 3, 3)):
        random = np.random.default_rng(0)
        logs = np.concatenate([np.full(size, i % 2 * 0.2) for i, size in enumerate(sizes)])
        found = change_points(np.exp(logs + 0.01 * random.standard_normal(len(logs))))
        assert found["first"].tolist() == np.cumsum(sizes)[:-1].tolist()
        np.testing.assert_allclose(np.log(found["ratio"]), [0.2, -0.2], atol=0.02)


def test_a_bad_run_hides_no_change():
    values = shifted([20, 20], 1.05, 0.01, 0)
    values[[7, 33]] *= 1.6
    found = change_points(values)
    assert len(found) == 1 and abs(found["first"].item() - 20) <= 1


def test_a_small_change_in_much_noise_is_found_when_there_are_runs_enough():
    hits = [sum(len(change_points(shifted([n, n], 1.05, 0.02, seed))) > 0 for seed in range(100)) for n in (5, 10, 30)]
    assert hits[0] < hits[1] < hits[2] and hits[2] >= 95


# ------------------------------------------------------------------------------------------------------ a store

PEAK = {"subject": "peak float32", "part": "peak", "dtype": "float32", "jobs": 1}
STEP = {"subject": "step: iris, sgd, batch 8, float32", "part": "step", "problem": "iris", "rule": "sgd"}
STEP |= {"batch_size": 8, "dtype": "float32", "jobs": 1}
TABLE = {"title": "Planted", "budget": {"epochs": 2}}


def plant(store, cost=1.0, *, pace=1.0, steps=20.0, place=HERE, state="complete", table=TABLE, suite="planted", age=0):
    """A run whose step takes `cost` times what the reference takes, on a machine `pace` times as slow as usual.

    steps: to the target. age: days.
    """
    run = store.begin(
        identity="i", suite=suite, title="", description="", table=table, target={"val_accuracy": [0.9]}, code="c",
        backend="cpu", trials=3, environment=place, git_commit="0123456789" * 4, git_dirty=False,
    )  # fmt: skip
    with closing(sqlite3.connect(store.file)) as connection, connection:
        connection.execute("UPDATE runs SET created = ? WHERE run = ?", (1.8e9 - DAY * age, run))
    seeds = [
        TrialRecord(
            trial=seed, key="k", setting="s", problem="iris", rule="sgd", role="report", seed=seed, batch_size=8,
            dtype="float32", status="reached", steps=30, epochs=2.0, seconds=0.1,
            definition={
                "hyperparameters": {"lr": 0.1}, "schedule": {"kind": "constant"}, "problem": {"kind": "mlp"},
                "clip_norm": 0.0, "clip_value": 0.0,
            },
            steps_to_target=steps + seed, columns=("step", "epoch", "val_loss"),
            curve=np.array([[0.0, 0.0, 1.0], [30.0, 2.0, 0.25]]),
        )
        for seed in range(3)
    ]  # fmt: skip
    store.add(run, "c", "cpu", seeds)
    samples = [
        {"subject": subject, "round": turn, "sample": sample, "seconds": seconds * slow * pace * 1e-6, "steps": 1}
        for turn, slow in enumerate((1.0, 4.0, 1.0))  # the second round is slow for both
        for sample in range(2)
        for subject, seconds in ((PEAK["subject"], 1.0 + sample), (STEP["subject"], cost * (1.0 + sample)))
    ]
    keys = ("problem", "rule", "batch_size", "dtype", "jobs", "layer", "flops", "bytes", "memory")
    store.add_timings(run, "cpu", [{**dict.fromkeys(keys), **row} for row in (PEAK, STEP)], samples)
    store.finish(run, state)
    return run


@pytest.fixture
def planted(tmp_path):
    """Twelve runs of this machine, of which the last four cost 20 % more, and others that must not count."""
    store = Store(tmp_path / "p.db")
    runs = []
    for number in range(12):
        cost = (1.2 if number >= 8 else 1.0) * (1 + 0.002 * (number % 3))
        runs.append(plant(store, 10 * cost, pace=1.5 if number == 4 else 1.0, age=30 - number))
    plant(store, 99.0, place={**HERE, "cpu": "another"}, age=1)
    plant(store, 99.0, state="interrupted", age=2)
    return store, runs


def frame_of(store, **options):
    records = run_metrics.runs_of(store.runs(), fingerprint(HERE))
    return history.history(run_metrics.read_points(store, records), store.notes(), **options)


def test_a_cost_is_the_median_of_ratios_within_rounds(planted):
    store, runs = planted
    (row,) = relative_costs(*timing_frames(store.read(runs[4]))).to_dict("records")
    assert row["relative"] == pytest.approx(10 * 1.002) and row["cost"] == pytest.approx(1.5e-6 * 10 * 1.002)


def test_only_complete_runs_of_the_machine_count_in_order_of_time(planted):
    store, runs = planted
    frame = frame_of(store)
    assert (
        tuple(frame) == history.COLUMNS and (frame.groupby("metric")["run"].agg(list).map(tuple) == tuple(runs)).all()
    )
    assert set(frame["metric"]) == {
        "step: iris, sgd, batch 8, float32 (planted)",
        "steps_to_target: iris, sgd, batch 8 (planted)",
        "final_loss: iris, sgd, batch 8 (planted)",
    }


def test_the_planted_change_is_the_only_one(planted):
    store, runs = planted
    frame = frame_of(store)
    (change,) = frame[frame["change"].notna()].to_dict("records")
    assert change["run"] == runs[8] and change["change"] == pytest.approx(1.2, rel=0.01) and change["p"] < LEVEL
    assert change["metric"].startswith("step:") and not isinstance(change["accepted"], str)
    steps = frame[frame["metric"].str.startswith("steps")]
    assert steps["value"].eq(21.0).all() and steps["level"].eq(21.0).all()
    assert frame_of(store, magnitude=0.3)["change"].isna().all()


def test_a_slow_machine_is_no_change(tmp_path):
    store = Store(tmp_path / "s.db")
    for number in range(10):
        plant(store, 10.0, pace=1.0 if number < 5 else 2.0, age=10 - number)
    frame = frame_of(store)
    cost = frame[frame["metric"].str.startswith("step:")]
    assert cost["value"].nunique() == 1 and frame["change"].isna().all() and cost["raw"].nunique() == 2


def test_suites_of_one_name_that_measure_differently_are_told_apart(tmp_path):
    store = Store(tmp_path / "v.db")
    first = plant(store, age=3)
    words = plant(store, table={**TABLE, "title": "Another title"}, age=2)
    longer = plant(store, table={**TABLE, "budget": {"epochs": 9}}, age=1)
    labels = run_metrics.suite_labels(store.runs())
    assert labels[first] == labels[words] != labels[longer] and labels[longer].startswith("planted ")


def test_the_fingerprint_names_the_machine_and_not_what_is_installed():
    here = {**HERE, "memory_gb": 23.5}
    same = {**here, "numba": "99", "os": "other", "features": [], "memory_gb": 23.4}
    assert fingerprint(same) == fingerprint(here)
    for key, value in (("cpu", "x"), ("threads", 999), ("memory_gb", 5000.0), ("gpu", "a GPU")):
        assert fingerprint({**here, key: value}) != fingerprint(here)


def test_a_note_marks_the_change_replaces_the_one_before_and_goes_with_its_run(planted):
    store, runs = planted
    store.annotate(runs[8], "first thought")
    store.annotate(runs[8], "second thought")
    store.annotate(runs[2], "no change here")
    frame = frame_of(store)
    assert frame["accepted"].dropna().tolist() == ["second thought"]
    store.remove(runs[8])
    assert store.notes() == {runs[2]: "no change here"}


def test_a_store_of_before_the_table_of_notes_gains_it(planted):
    store, runs = planted
    with closing(sqlite3.connect(store.file)) as connection, connection:
        connection.execute("DROP TABLE notes")
        connection.execute("UPDATE gdbench_schema SET version = 3")
    again = Store(store.file)
    assert again.notes() == {} and len(again.runs()) == 14
    again.annotate(runs[0], "kept")
    assert Store(store.file).notes() == {runs[0]: "kept"}


# ------------------------------------------------------------------------------------------------------ the command


def test_the_command_tells_the_change_and_never_fails_for_it(planted, capsys):
    store, runs = planted
    code, out, _ = call(capsys, "history", "--store", store.file)
    assert code == 0 and f"× 1.201 at run {runs[8]}" in out and "commit 01234567" in out and "not accepted" in out
    assert "12 runs, 3 metrics, 1 change point, 0 of them accepted" in out and "--machine" in out
    code, out, _ = call(capsys, "history", "final_loss", "--store", store.file)
    assert code == 0 and "1 metric, 0 change points" in out and "step:" not in out


def test_an_accepted_change_is_shown_with_its_reason(planted, capsys):
    store, runs = planted
    code, out, _ = call(capsys, "history", "--accept", runs[8][:6], "--why", "safer sums", "--store", store.file)
    assert (
        code == 0
        and f"noted on run {runs[8]}: safer sums" in out
        and "accepted: safer sums" in out
        and "1 change point, 1 of them accepted" in out
    )


def test_json_has_every_point_and_a_limit_takes_the_latest(planted, capsys):
    store, runs = planted
    code, out, _ = call(capsys, "history", "step:", "--limit", "6", "--json", "--store", store.file)
    document = json.loads(out)
    assert code == 0 and document["runs"] == runs[-6:] and document["machine"] == fingerprint(HERE)
    assert [point["run"] for point in document["points"]] == runs[-6:]
    assert [point["change"] is None for point in document["points"]] == [True] * 2 + [True, True, True, True]


def test_another_machine_is_shown_when_it_is_asked_for(planted, capsys):
    store, _ = planted
    other = fingerprint({**HERE, "cpu": "another"})
    code, out, _ = call(capsys, "history", "--machine", other[:8], "--store", store.file)
    assert code == 0 and "a history needs two" in out and f"machine: {other} (another)" in out


def test_without_runs_nothing_was_measured(tmp_path, capsys):
    assert call(capsys, "history", "--out", tmp_path)[0] == 3
    store = Store(tmp_path / "one.db")
    plant(store, state="interrupted")
    code, _, err = call(capsys, "history", "--store", store.file)
    assert code == 3 and "nothing was measured" in err
    plant(store)
    code, out, _ = call(capsys, "history", "--store", store.file)
    assert code == 0 and "a history needs two" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["step: iris, sgd, batch 9"], "did you mean 'step: iris, sgd, batch 8, float32 (planted)'?"),
        (["--plot", "x.pdf"], "must end in .svg or .png"),
        (["--accept", "latest"], "belong together"),
        (["--why", "because"], "belong together"),
        (["--accept", "zzz", "--why", "because"], "is not in"),
        (["--accept", "latest~1", "--why", "because"], "is interrupted; only complete runs"),
        (["--machine", "zzz"], "is not one machine of this store"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, words, planted, capsys):
    code, out, err = call(capsys, "history", *arguments, "--store", planted[0].file)
    assert code == 2 and out == "" and words in err and err.count("\n") == 1


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_figure_is_written(form, planted, tmp_path, capsys):
    path = tmp_path / "deeper" / f"h.{form}"
    code, out, _ = call(capsys, "history", "--plot", path, "--store", planted[0].file)
    assert code == 0 and f"figure: {path}" in out
    assert path.read_bytes().startswith(b"<?xml" if form == "svg" else b"\x89PNG")


def test_the_figure_has_a_line_before_each_change_dashed_where_it_is_accepted(planted):
    store, runs = planted

    def lines(frame):
        cost = next(ax for ax in figures.history(frame).axes if ax.get_ylabel() == "step / peak kernel")
        return [(line.get_xdata()[0], line.get_linestyle()) for line in cost.lines if len(set(line.get_xdata())) == 1]

    assert lines(frame_of(store)) == [(7.5, "-")]
    store.annotate(runs[8], "meant")
    assert lines(frame_of(store)) == [(7.5, "--")]
    texts = [t.get_text() for ax in figures.history(frame_of(store)).axes for t in ax.texts]
    assert texts == ["× 1.201\nmeant"]
    store.annotate(runs[8], "from $5 to $\\x")  # no formula
    figures.history(frame_of(store)).savefig(io.BytesIO(), format="svg")


def test_values_that_have_no_logarithm_are_shown_and_not_searched(planted):
    store, _ = planted
    points = run_metrics.read_points(store, run_metrics.runs_of(store.runs(), fingerprint(HERE)))
    points["value"] -= 15.0
    frame = history.history(points, {})
    assert frame.loc[frame["value"].lt(0), "change"].isna().all()
    assert sum(row["changes"].startswith("not looked for") for row in rows(frame)) == 2
