"""How costs grow: families of problems, exponents, and what the figure and its table make of a run."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbench.caches import levels
from gdbench.environment import environment
from gdbench.reports import scaling
from gdbench.reports.scaling_panels import SPEED, STEPS, panels
from gdbench.stats.families import families
from gdbench.stats.powers import exponent, exponents
from gdbench.stats.timings import held_bytes
from gdbench.store.frames import SUBJECT_COLUMNS, TIMING_COLUMNS, Frames
from gdbench.timing.work import update_arrays, update_bytes


def test_the_exponent_is_the_least_squares_slope_of_the_logarithms():
    # In units of log 10: x = 0, 1, 2 and y = 0, 0, 3; the slope is (-1 * 0 + 0 * 0 + 1 * 3) / 2.
    assert exponent(np.array([1.0, 10.0, 100.0]), np.array([1.0, 1.0, 1000.0])) == pytest.approx(1.5)


@given(st.floats(-3, 3), st.floats(1e-9, 1e3), st.lists(st.integers(1, 10**6), min_size=3, max_size=8, unique=True))
def test_an_exact_power_is_found_again(power, factor, sizes):
    x = np.array(sizes, np.float64)
    assert exponent(x, factor * x**power) == pytest.approx(power, abs=1e-6)


def test_each_repetition_has_an_exponent_of_its_own():
    rows = [
        ("sgd", x, slow * x**power, turn)
        for turn, (power, slow) in enumerate([(1, 1), (2, 9), (3, 1)])
        for x in (1, 4, 16)
    ]
    rows += [("adam", x, 1.0, 0) for x in (1, 4)] + [("lion", x, np.inf, 0) for x in (1, 4, 16)]
    points = pd.DataFrame(rows, columns=["rule", "x", "y", "repetition"])
    (found,) = exponents(points, ["rule"], "x", "y").to_dict("records")
    assert found.pop("rule") == "sgd"
    assert found == pytest.approx({"least": 1, "most": 16, "median": 2.0, "low": 1.0, "high": 3.0})
    # A round in which a size is missing fits something else.
    assert exponents(points.drop(index=8), ["rule"], "x", "y")["median"].tolist() == pytest.approx([1.5])


def network(hidden, samples=100, **others):
    return {"kind": "mlp", "dataset": {"name": "teacher", "samples": samples}, "hidden": hidden, **others}


def test_problems_that_differ_in_one_thing_are_a_family():
    problems = {f"w{w}": network([w, w]) for w in (4, 8, 16, 32)} | {f"d{d}": network([8] * d) for d in (1, 4, 8)}
    problems |= {f"s{s}": network([8], s) for s in (1000, 10000)} | {"other": network([64, 64], l2=0.1)}
    found = {family.axis: family.sizes for family in families(problems)}
    assert found == {
        "width": {"w4": 4, "w8": 8, "w16": 16, "w32": 32},
        "depth": {"w8": 2, "d1": 1, "d4": 4, "d8": 8},
        "samples": {"d1": 100, "s1000": 1000, "s10000": 10000},
    }


@pytest.mark.parametrize(
    "problems",
    [
        {},
        {"a": network([4]), "b": network([64])},
        {f"w{w}": network([w]) for w in (10, 11, 12)},
        {f"l{h}": network(h) for h in ([4, 8], [8, 16], [64, 1])},
        {f"l{x}": network([4], l2=x) for x in (1.0, 10.0, 100.0)},
        {f"w{w}": network([w], l2=w) for w in (4, 16, 64)},
        {f"s{s}": network([4], subset=s) for s in (None, 4, 16)},
    ],
)
def test_few_sizes_near_ones_and_several_differences_make_no_family(problems):
    assert families(problems) == []


def test_quadratics_and_functions_grow_in_dimensions():
    quadratics = {f"q{d}": {"kind": "quadratic", "dimensions": d, "samples": 10} for d in (2, 8, 32)}
    assert families(quadratics)[0] == ("dimensions", {"q2": 2, "q8": 8, "q32": 32})
    functions = {f"f{d}": {"kind": "function", "options": {"dimension": d}, "start": "random"} for d in (2, 8, 32)}
    assert families(functions)[0].sizes == {"f2": 2, "f8": 8, "f32": 32}


@given(st.integers(1, 10**9), st.integers(0, 4), st.sampled_from([4, 8]))
def test_the_bytes_that_an_update_moves_tell_the_arrays_it_goes_over(parameters, slots, itemsize):
    moved = update_bytes(parameters, slots, itemsize)
    assert held_bytes(moved, parameters, itemsize) == update_arrays(parameters, slots, itemsize)


# A run by hand. Networks of w x w parameters, of which sgd's update goes over 8 w^2 bytes: 4 cost nothing but their
# parameters, and those out of L1 (from 64 x 64 on) as their square.
WIDTHS = (8, 16, 32, 64, 128, 256)
PROBLEMS = {f"w{w}": network([w]) for w in WIDTHS} | {f"s{s}": network([3], s, l2=0.1) for s in (100, 1000, 10000)}


def cost(problem, batch_size, turn):
    if problem.startswith("s"):
        return batch_size * (1.0 + 0.1 * turn)
    parameters = int(problem[1:]) ** 2
    return (1.0 + 0.1 * turn) * (parameters if parameters < 4000 else parameters**2 / 4096)


def frames(*, timed=True, jobs=(1,)):
    """A run with sgd; full batches of the samples, and of 32; every batch size for one problem; seconds as `cost`."""
    pairs = [(f"w{w}", b) for w in WIDTHS for b in (1, 32)]
    pairs += [(f"s{s}", b) for s in (100, 1000, 10000) for b in (8, 32, s)]
    trials, timings, subjects = [], [], []
    for problem, size in pairs:
        samples = PROBLEMS[problem]["dataset"]["samples"]
        for seed in (0, 1, 2):
            row = {
                "trial": len(trials),
                "problem": problem,
                "rule": "sgd",
                "batch_size": size,
                "seed": seed,
                "steps": 10,
            }
            row |= {"epochs": 10 * size / samples, "seconds": 10 * cost(problem, size, seed), "role": "report"}
            row |= {
                "parameters": int(problem[1:]) ** 2,
                "dtype": "float32",
                "steps_to_target": 50.0,
                "status": "reached",
            }
            trials.append(row | {"val_loss": 1.0, "lr": 0.1, "setting": "a"})
        for count in jobs if timed else ():
            name, bytes_ = f"{problem} {size} {count}", 3 * 4.0 * int(problem[1:]) ** 2
            level = "L1" if int(problem[1:]) <= 32 else "L2"
            facts = (name, "step", problem, "sgd", size, "float32", count, np.nan, np.nan, bytes_, level)
            subjects.append(dict(zip(SUBJECT_COLUMNS, facts, strict=True)))
            timings += [(name, "cpu", turn, 0, cost(problem, size, turn), 1) for turn in range(3)]
    return Frames(
        about={"problems": PROBLEMS, "target": {}, "hyperparameters": ["lr"]},
        environment={"L1_kib": 32, "L2_kib": 1024, "cpu": "mine"},
        trials=pd.DataFrame(trials),
        curves=pd.DataFrame(),
        targets=pd.DataFrame(),
        timings=pd.DataFrame(timings, columns=list(TIMING_COLUMNS)),
        subjects=pd.DataFrame(subjects, columns=list(SUBJECT_COLUMNS)),
    )


def rows(results):
    return {(row["what"], row["against"], row["batch"]): row for row in scaling.table(results)}


def test_a_panel_for_each_thing_that_varies():
    shown = panels(frames())
    assert [panel.title for panel in shown] == [
        *("Parameters (batch 1)", "Width (batch 32)", "Batch size", "Samples", "Steps by samples"),
    ]
    figure = scaling.figure(frames())
    assert [ax.get_title() for ax in figure.axes] == [panel.title for panel in shown]
    assert all(
        ax.get_xscale() == ax.get_yscale() == "log" and ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes
    )
    words = [text.get_text() for ax in figure.axes for text in ax.get_legend().get_texts()]
    assert words[-2:] == ["sgd, batch 32: 0.00", "sgd, full batch: 0.00"]


def test_exponents_over_all_sizes_and_within_each_level_of_memory():
    found = rows(frames())
    line = found["seconds a step", "Parameters (batch 1)", "1"]
    assert line["within L1"].startswith("1.00") and line["within L2"].startswith("2.00")
    assert 1.0 < float(line["fitted exponent"].split()[0]) < 2.0
    assert found["seconds a step", "Width (batch 32)", "32"]["within L1"].startswith("2.00")
    assert found["seconds a step", "Samples", "full"]["fitted exponent"].startswith("1.00")
    assert found["seconds a step", "Samples", "32"]["fitted exponent"].startswith("0.00")
    assert found["seconds a step", "Samples", "full"]["within L1"] == "–"
    assert found[STEPS, "Steps by samples", "full"]["greatest"] == "10,000: 50"


def test_caches_end_where_parameters_gradient_and_slots_outgrow_them():
    (panel,) = [panel for panel in panels(frames()) if panel.ends]
    assert panel.ends == {"L1": {"sgd": 4096.0}}  # 8 bytes a parameter; L2 ends beyond the largest network
    ax = scaling.figure(frames()).axes[0]
    assert any(list(line.get_xdata()) == [4096.0, 4096.0] for line in ax.lines)
    assert [text.get_text() for text in ax.texts] == ["end of L1"]
    assert "outgrow a cache" in scaling.caption(frames())


def test_a_run_knows_the_caches_of_its_machine():
    known = {name: size for name, size in environment().items() if name.endswith("_kib")}
    assert known == {f"{level.name}_kib": level.size // 1024 for level in levels() if level.size} and known


def test_trials_tell_the_costs_where_nothing_was_timed():
    plain = frames(timed=False)
    found = rows(plain)
    assert found["seconds a step", "Samples", "full"]["fitted exponent"].startswith("1.00")
    assert not any(panel.ends for panel in panels(plain)) and "within L1" not in next(iter(found.values()))
    assert "during the sweep" in scaling.caption(plain) and "alone" in scaling.caption(frames())


def test_trials_at_a_time_have_a_speed_and_no_exponent():
    *_, panel = panels(frames(jobs=(1, 2)))
    assert panel.y == SPEED and panel.points.groupby("x")["y"].median().tolist() == pytest.approx(
        [1 / 1.1 / 64, 2 / 1.1 / 64]
    )
    line = scaling.table(frames(jobs=(1, 2)))[-1]
    assert line["against"] == "Trials at a time" and line["fitted exponent"] == "–"


def test_a_full_batch_of_all_sizes_is_one_panel_by_parameters():
    results = frames(timed=False)
    trials = results.trials[results.trials["problem"].str.startswith("w") & (results.trials["batch_size"] == 1)]
    results = replace(results, trials=trials.assign(epochs=10.0))
    assert [panel.title for panel in panels(results)] == ["Parameters (full batch)"]


def test_no_figure_where_nothing_grows():
    results = frames()
    nothing = results.trials.iloc[:0]
    empty = Frames(results.about, {}, nothing, nothing, nothing, results.timings.iloc[:0], results.subjects.iloc[:0])
    assert scaling.figure(empty) is None
    older = Frames({"target": {}}, {}, results.trials.iloc[:3], nothing, nothing, empty.timings, empty.subjects)
    assert scaling.figure(older) is None
