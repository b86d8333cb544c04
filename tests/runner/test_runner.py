"""Runs: bits that depend on nothing but the trial, resuming, and how trials end."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import gdbench
from gdbench import suites
from gdbench.errors import InterruptedRunError
from gdbench.kernels import RULES
from gdbench.kernels.arithmetic.team import Team
from gdbench.kernels.networks import mlp
from gdbench.runner import Watcher, estimate, train
from gdbench.runner.points import evaluation_points, total_steps
from gdbench.store import Store

pytestmark = pytest.mark.usefixtures("no_pictures")


def digests(run):
    return dict(zip(run.trials["trial"], run.trials["digest"], strict=True))


@pytest.fixture
def plain(small, tmp_path):
    """The small suite, run without anything special."""
    return gdbench.run(small, store=tmp_path / "plain.db", jobs=1)


@pytest.mark.parametrize("options", [{"jobs": 2}, {"chunk": 1}, {"chunk": 1000}, {"jobs": 3, "chunk": 7}])
def test_digests_do_not_depend_on_jobs_or_chunks(options, small, plain, tmp_path):
    assert digests(gdbench.run(small, store=tmp_path / "other.db", **options)) == digests(plain)


def test_a_run_has_every_role_seed_and_setting(small, plain):
    trials = plain.trials
    assert trials["role"].value_counts().to_dict() == {"tune": 16, "report": 8, "default": 8}
    assert set(trials[trials["role"] == "tune"]["seed"]) == {10000, 10001}
    assert set(trials[trials["role"] != "tune"]["seed"]) == {0, 1}
    assert plain.state == "complete" and len(trials) == 32
    assert trials["digest"].str.fullmatch("[0-9a-f]{64}").all() and trials["code"].nunique() == 1


def test_the_chosen_settings_are_reported(plain):
    trials = plain.trials
    for (rule, batch), tuned in trials[trials["role"] == "tune"].groupby(["rule", "batch_size"]):
        medians = tuned.groupby("lr").agg(steps=("steps_to_target", "median"), loss=("val_loss", "median"))
        best = medians.reset_index().sort_values(["steps", "loss", "lr"])["lr"].iloc[0]
        reported = trials[(trials["role"] == "report") & (trials["rule"] == rule) & (trials["batch_size"] == batch)]
        assert set(reported["lr"]) == {best}
        default = trials[(trials["role"] == "default") & (trials["rule"] == rule) & (trials["batch_size"] == batch)]
        assert set(default["lr"]) == {RULES[rule].defaults["lr"]}


def test_the_digest_is_the_hash_of_the_curves_columns(plain):
    import hashlib

    names = ["step", "epoch", "train_loss", "val_loss", "test_loss", "train_accuracy", "val_accuracy", "test_accuracy"]
    for trial, curve in plain.curves.groupby("trial"):
        assert list(plain.curves.columns) == ["trial", *names, "grad_norm", "lr"]
        columns = curve[[*names, "grad_norm", "lr"]].to_numpy(np.float64).T
        columns[np.isnan(columns)] = np.nan
        expected = hashlib.sha256(np.ascontiguousarray(columns).astype("<f8").tobytes()).hexdigest()
        assert plain.trials.set_index("trial").loc[trial, "digest"] == expected


def test_curves_end_where_trials_end(plain):
    last = plain.curves.groupby("trial").tail(1).set_index("trial")
    trials = plain.trials.set_index("trial")
    for name in ("train_loss", "val_accuracy", "test_loss"):
        np.testing.assert_array_equal(last[name], trials.loc[last.index, name])
    np.testing.assert_array_equal(last["step"], trials.loc[last.index, "steps"])
    np.testing.assert_allclose(last["epoch"], 3.0)
    first = plain.curves[plain.curves["step"] == 0]
    assert first["lr"].isna().all() and len(first) == len(trials)


def test_a_trial_that_has_crossed_its_target_has_reached_it(plain):
    crossed = np.isfinite(plain.trials["steps_to_target"])
    assert plain.trials["status"].tolist() == ["reached" if each else "exhausted" for each in crossed]
    targets = plain.targets.set_index("trial")
    np.testing.assert_array_equal(
        targets["step"], plain.trials.set_index("trial").loc[targets.index, "steps_to_target"]
    )


class StopAfter(Watcher):
    """Presses Ctrl-C after so many trials."""

    def __init__(self, count):
        self.count = count

    def finished(self, record):
        self.count -= 1
        if self.count == 0:
            raise KeyboardInterrupt


class Count(Watcher):
    """Counts the trials that are trained."""

    def __init__(self):
        self.trained = []

    def finished(self, record):
        self.trained.append(record.trial)


def test_the_longest_trials_begin_first(small, tmp_path):
    suite = {**small, "budget": {"steps": 30}, "rule": {"sgd": {"lr": 0.1}, "newton-damped": {"lr": 1.0}}}
    watcher = Count()
    gdbench.run(suite, store=tmp_path / "order.db", jobs=1, watcher=watcher)
    definitions = {trial.index: trial.definition for trial in suites.load(suite).first_trials()}
    order = [definitions[trial] for trial in watcher.trained if trial in definitions]
    assert [d["rule"] for d in order] == ["newton-damped"] * 4 + ["sgd"] * 4
    assert [d["batch_size"] for d in order] == [32, 32, 8, 8] * 2


@pytest.mark.parametrize("after", [1, 9, 20])
def test_an_interrupted_run_goes_on_and_gives_the_same(after, small, plain, tmp_path):
    store = tmp_path / "stopped.db"
    with pytest.raises(InterruptedRunError):
        gdbench.run(small, store=store, watcher=StopAfter(after))
    stopped = gdbench.load(store)
    assert stopped.state == "interrupted"
    before = set(stopped.trials["trial"])
    assert len(before) >= after
    count = Count()
    again = gdbench.run(small, store=store, watcher=count)
    assert again.id == stopped.id and again.state == "complete"
    assert not before & set(count.trained) and len(before) + len(count.trained) == 32
    assert digests(again) == digests(plain)


def test_fresh_starts_over_and_complete_runs_are_not_reused(small, tmp_path):
    store = tmp_path / "s.db"
    with pytest.raises(InterruptedRunError):
        gdbench.run(small, store=store, watcher=StopAfter(3))
    first = gdbench.load(store).id
    fresh = gdbench.run(small, store=store, fresh=True)
    assert fresh.id != first
    assert gdbench.run(small, store=store).id == first  # the unfinished one, although a complete one came after it
    count = Count()
    assert gdbench.run(small, store=store, watcher=count).id not in (first, fresh.id)
    assert len(count.trained) == 32


def test_another_suite_or_a_living_run_is_not_gone_on_with(small, tmp_path):
    store = tmp_path / "s.db"
    with pytest.raises(InterruptedRunError):
        gdbench.run(small, store=store, watcher=StopAfter(3))
    first = gdbench.load(store).id
    assert gdbench.run({**small, "seeds": 1}, store=store).id != first
    alive = Store(store)
    identity = next(r.identity for r in alive.runs() if r.run == first)
    assert alive.resume(identity) is not None  # now this process runs it
    assert alive.resume(identity) is None
    assert gdbench.run(small, store=store).id != first


SCRIPT = "import sys; from gdbench.cli import main; main(sys.argv[1:])"


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(small, plain, tmp_path):
    path, store = tmp_path / "small.toml", tmp_path / "killed.db"
    path.write_text(toml({**small, "budget": {"epochs": 2000}, "evaluate": {"points": 2}}))
    command = [sys.executable, "-c", SCRIPT, "run", str(path), "--store", str(store), "--out", str(tmp_path), "--quiet"]
    process = subprocess.Popen([*command, "--chunk", "5"], cwd=tmp_path)
    deadline = time.monotonic() + 120
    while len(_stored(store)) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = _stored(store)
    killed = gdbench.load(store)
    assert killed.state == "interrupted" and 3 <= len(before) < 32
    seconds = dict(zip(killed.trials["trial"], killed.trials["seconds"], strict=True))
    subprocess.run(command, cwd=tmp_path, check=True)
    ended = gdbench.load(store)
    assert ended.id == killed.id and ended.state == "complete"
    after = dict(zip(ended.trials["trial"], ended.trials["seconds"], strict=True))
    assert {t: after[t] for t in before} == seconds  # not trained again
    whole = gdbench.run(str(path), store=tmp_path / "whole.db")
    assert digests(ended) == digests(whole)


def _stored(path):
    if not path.exists():
        return {}
    try:
        store = Store(path)
        runs = store.runs()
    except Exception:  # the other process is making the tables just now
        return {}
    return store.done(runs[0].run) if runs else {}


def toml(table):
    """The few kinds of values that the small suite has, as TOML."""
    lines = [f"{k} = {_value(v)}" for k, v in table.items() if k not in ("problem", "rule")]
    for kind in ("problem", "rule"):
        for name, entries in table[kind].items():
            lines += [f"[{kind}.{name}]", *(f"{k} = {_value(v)}" for k, v in entries.items())]
    return "\n".join(lines) + "\n"


def _value(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


@pytest.mark.slow
def test_avx2_code_gives_the_same_bits(small, tmp_path):
    path = tmp_path / "small.toml"
    wide = {
        "kind": "mlp",
        "dataset": "digits",
        "subset": 300,
        "activation": ["tanh", "relu"],
        "loss": ["cross-entropy", "mse"],
    }
    problems = {**small["problem"], "digits": {**wide, "hidden": [[], [33, 17]], "l2": 0.01}}
    suite = {
        **small,
        "dtype": ["float32", "float64"],
        "problem": problems,
        "clip_norm": 1.0,
        "rule": {name: {"lr": 0.01} for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")},
    }
    path.write_text(toml(suite))
    features = "+avx2,+fma,+avx,+sse4.2,+sse4.1,+ssse3,+sse3,+sse2,+popcnt,+bmi,+bmi2"
    haswell = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features}
    code = "import sys, gdbench; gdbench.run(sys.argv[1], store=sys.argv[2], time=False)"
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "h.db")]
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, **haswell})
    other = gdbench.load(tmp_path / "h.db")
    assert other.environment["compiled_for"] == "haswell"
    assert len(other.trials) == other.record.trials and other.trials["digest"].notna().all()
    assert digests(other) == digests(gdbench.run(str(path), store=tmp_path / "native.db", time=False))


PLAIN_PYTHON = """
import json, sys, numpy as np
from gdbench import suites
from gdbench.kernels.networks import network
if len(sys.argv) > 1:
    network.BLOCK = int(sys.argv[1])
from gdbench.runner import train
suite = suites.load(json.loads({suite!r}))
print(json.dumps([np.nan_to_num(train(t).curve, nan=-1.0).tolist() for t in suite.first_trials()]))
"""


@pytest.mark.slow
def test_without_the_compiler_the_numbers_agree_to_rounding(tmp_path):
    suite = {
        "seeds": 1,
        "tune_seeds": 0,
        "batch_size": 9,
        "budget": {"steps": 4},
        "evaluate": {"points": 2},
        "dtype": ["float32", "float64"],
        "problem": {
            "iris": {"kind": "mlp", "dataset": "iris", "subset": 30, "hidden": [3], "activation": ["relu", "tanh"]}
        },
        "rule": {name: {"lr": 0.01} for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")},
    }
    code = PLAIN_PYTHON.format(suite=json.dumps(suite))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )
    command = [sys.executable, "-c", code, "5"]  # blocks of 5 samples instead of 128: not a bit may change
    other = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}
    )
    assert json.loads(other.stdout) == json.loads(done.stdout)
    for trial, interpreted in zip(suites.load(suite).first_trials(), json.loads(done.stdout), strict=True):
        compiled = np.nan_to_num(train(trial).curve, nan=-1.0)
        tolerance = 2e-5 if trial.definition["dtype"] == "float32" else 1e-12
        np.testing.assert_allclose(interpreted, compiled, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("evaluate", "total", "per_epoch", "points"),
    [
        ({"points": 2}, 100, 10, [0, 100]),
        ({"every": 40}, 100, 10, [0, 40, 80, 100]),
        ({"points": 3}, 100, 50, [0, 1, 10, 50, 100]),
        ({"points": 5}, 16, 100, [0, 1, 2, 4, 8, 16]),
        ({"points": 2}, 1, 1, [0, 1]),
    ],
)
def test_evaluation_points(evaluate, total, per_epoch, points):
    assert evaluation_points(evaluate, total, per_epoch) == points


def test_at_most_a_thousand_epoch_ends_are_evaluated():
    points = evaluation_points({"points": 3}, 2500 * 4, 4)
    assert len(points) <= 1000 + 4 and points[-1] == 10000
    assert all(p % 12 == 0 for p in points if p not in (0, 1, 100, 10000))


def test_budgets_count_steps():
    assert total_steps({"epochs": 3}, 7) == 21
    assert total_steps({"steps": 5}, 7) == total_steps({"gradient_evaluations": 5}, 7) == 5


def test_divergence_ends_a_trial_and_is_counted(small, tmp_path):
    suite = {**small, "problem": {"d": {"kind": "mlp", "dataset": "diabetes"}}, "target": {"val_loss": 1.0}}
    run = gdbench.run({**suite, "tune_seeds": 0, "rule": {"sgd": {"lr": [1e-9, 10.0]}}}, store=tmp_path / "d.db")
    wild = run.trials[run.trials["lr"] == 10.0]
    assert set(wild["status"]) == {"diverged"} and (wild["steps"] < 3 * 10**3).all()
    assert np.isinf(wild["steps_to_target"]).all()
    assert set(run.trials[run.trials["lr"] == 1e-9]["status"]) == {"exhausted"}


def test_stop_at_target_ends_a_trial_there(small, tmp_path):
    run = gdbench.run({**small, "stop_at_target": True, "target": {"val_accuracy": 0.4}}, store=tmp_path / "s.db")
    reached = run.trials[run.trials["status"] == "reached"]
    assert len(reached) and (reached["steps"] == reached["steps_to_target"]).all()


def test_a_ladder_of_targets_gives_a_step_for_each_level(small, tmp_path):
    run = gdbench.run({**small, "target": {"val_accuracy": [0.8, 0.5]}}, store=tmp_path / "l.db")
    wide = run.targets.pivot(index="trial", columns="level", values="step")
    assert list(wide.columns) == [0.5, 0.8] and (wide[0.5] <= wide[0.8]).all()
    np.testing.assert_array_equal(wide[0.8], run.trials.set_index("trial").loc[wide.index, "steps_to_target"])


@pytest.mark.parametrize("bad", [0, 1, 5, 17, 31])
def test_a_failed_trial_leaves_the_others_and_is_tried_again(bad, small, plain, tmp_path, monkeypatch):
    from gdbench.runner.backends import contract as module

    def sometimes(trial, *rest):
        if rest and trial.index == bad:
            raise ZeroDivisionError("planted")
        return train(trial, *rest)

    store = tmp_path / "f.db"
    with monkeypatch.context() as patched:
        patched.setattr(module, "train", sometimes)
        broken = gdbench.run(small, store=store)
    failed = broken.trials[broken.trials["status"] == "failed"]
    assert failed["trial"].tolist() == [bad] and failed["error"].iloc[0] == "ZeroDivisionError: planted"
    assert broken.state == "failed" and len(broken.trials) == 32 and set(broken.trials["batch_size"]) == {8, 32}
    assert len(broken.targets) == 32
    mended = gdbench.run(small, store=store)
    assert mended.id == broken.id and mended.state == "complete" and digests(mended) == digests(plain)


def test_a_target_is_met_exactly_in_float32(tmp_path):
    # 9 of 10 right: 0.9 in float32 is less than 0.9.
    problem = {"kind": "mlp", "dataset": "iris", "subset": 100, "validation_fraction": 0.1, "test_fraction": 0.0}
    suite = {
        "seeds": 4,
        "tune_seeds": 0,
        "budget": {"epochs": 8},
        "problem": {"i": problem},
        "rule": {"sgd": {"lr": 0.05}},
    }
    run = gdbench.run({**suite, "evaluate": {"every": 1}, "target": {"val_accuracy": 0.9}}, store=tmp_path / "t.db")
    exact = run.curves[np.isclose(run.curves["val_accuracy"], 0.9, atol=1e-6)]
    assert len(exact) and (exact["val_accuracy"] == 0.9).all()
    for trial, curve in run.curves.groupby("trial"):
        past = curve[curve["val_accuracy"] > 0.899]["step"]
        assert run.trials.set_index("trial").loc[trial, "steps_to_target"] == (past.min() if len(past) else math.inf)


CACHE = """
import os, sys, gdbench
    from gdbench.kernels import RULES
    from gdbench.kernels.networks import training
run = gdbench.run({suite!r}, store=sys.argv[1], time=False)
kernels = [training.mean_loss, training.train("float32"), RULES["adam"].update("float32"), RULES["adam"].table_kernel]
print(sum(sum(k.stats.cache_misses.values()) for k in kernels), sum(sum(k.stats.cache_hits.values()) for k in kernels))
"""


@pytest.mark.slow
def test_a_second_process_compiles_nothing_and_two_at_once_agree(small, plain, tmp_path):
    code, here = CACHE.format(suite=small), {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def start(name):
        command = [sys.executable, "-c", code, str(tmp_path / f"{name}.db")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=here)

    both = [start("a"), start("b")]  # a cold cache, and two writers
    assert [process.communicate() and process.returncode for process in both] == [0, 0]
    misses, hits = start("c").communicate()[0].split()
    assert (misses, hits) == ("0", "4")
    for name in "abc":
        assert digests(gdbench.load(tmp_path / f"{name}.db")) == digests(plain)
    blocked = tmp_path / "file"
    blocked.write_text("")
    here["NUMBA_CACHE_DIR"] = str(blocked / "cache")  # cannot be made: compile, and keep nothing
    unwritable = start("d")
    unwritable.communicate()
    assert unwritable.returncode == 0 and digests(gdbench.load(tmp_path / "d.db")) == digests(plain)


def test_the_estimate_counts_trials_and_steps(small):
    guess = estimate(suites.load(small), jobs=1)
    assert guess.trials == 32
    assert guess.steps == 16 * (3 * 14 + 3 * 4)  # 106 samples: 14 and 4 steps an epoch
    assert guess.seconds > 0


def test_full_batches_use_all_samples(small, tmp_path):
    run = gdbench.run({**small, "batch_size": "full", "budget": {"steps": 5}}, store=tmp_path / "f.db")
    assert set(run.trials["batch_size"]) == {106} and (run.trials["epochs"] == 5).all()


def test_float64_is_an_axis(small, tmp_path):
    run = gdbench.run({**small, "dtype": ["float32", "float64"], "tune_seeds": 0}, store=tmp_path / "f.db")
    single, double = (run.trials[run.trials["dtype"] == d].reset_index() for d in ("float32", "float64"))
    np.testing.assert_allclose(single["train_loss"], double["train_loss"], rtol=1e-3)
    assert not set(single["digest"]) & set(double["digest"])


def test_a_large_trial_that_has_the_cores_to_itself_is_trained_by_a_team_and_its_digest_is_the_same(
    tmp_path, monkeypatch
):
    suite = {
        "seeds": 1,
        "tune_seeds": 0,
        "batch_size": 64,
        "budget": {"steps": 9},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [40]}},
        "rule": {"adam": {"lr": 0.01}, "halving": {"lr": 0.5}},
    }
    monkeypatch.setitem(RULES, "halving", None)
    RULES.pop("halving")
    gdbench.rule(lr=0.5)(halving)
    sizes = []
    monkeypatch.setattr(mlp, "Team", lambda size: (sizes.append(size), Team(size))[1])
    alone = gdbench.run(suite, store=tmp_path / "alone.db", jobs=4, time=False)
    assert set(sizes) == {1}  # too small to be shared out
    monkeypatch.setattr("gdbench.runner.backends.threads.usable_cores", lambda: 4)
    monkeypatch.setattr("gdbench.runner.trial.WORTH", 64)
    sizes.clear()
    together = gdbench.run(suite, store=tmp_path / "together.db", jobs=4, time=False)
    assert sorted(sizes[-2:]) == [1, 2]  # two trials, four jobs; a rule that is not ours is never shared out
    assert digests(alone) == digests(together)


def halving(p, g, c):
    """p - lr g."""
    return p - c.lr * g
