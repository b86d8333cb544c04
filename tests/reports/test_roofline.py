"""The roofline picture: points and roofs where the numbers say."""

from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure

import gdbench
from gdbench.reports.figures import roofline
from gdbench.reports.page import render
from gdbench.results.frames import SUBJECT_COLUMNS
from gdbench.timing import cases, measure, plan
from gdbench.timing.rounds import Sample
from gdbench.timing.work import product_bytes, products_bytes


def row(subject, part, **facts):
    return {**dict.fromkeys(SUBJECT_COLUMNS), "subject": subject, "part": part, "dtype": "float32", "jobs": 1, **facts}


NET = {"problem": "p", "batch_size": 8}
SUBJECTS = [
    row("peak", "peak", flops=100e9),
    row("triad L1", "triad", bytes=40e9, memory="L1"),
    row("triad memory", "triad", bytes=8e9, memory="memory"),
    row("step", "step", rule="sgd", flops=200e9, bytes=20e9, memory="L1", **NET),
    row("update", "update", rule="sgd", bytes=20e9, memory="L1", **NET),
    row("gather", "gather", **NET),
    row("product", "forward product", flops=50e9, bytes=10e9, layer=1, **NET),
]
COSTS = {"peak": 1.0, "triad L1": 0.5, "triad memory": 1.0, "step": 4.0, "update": 0.5, "gather": 1.0, "product": 1.0}


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    suite = {
        "seeds": 1,
        "batch_size": [8, 32],
        "budget": {"steps": 5},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris"}},
        "rule": {"sgd": {"lr": [0.1]}, "adam": {"lr": [0.1]}},
    }
    return gdbench.run(suite, store=tmp_path_factory.mktemp("roofline") / "r.db")


def results(run, subjects=SUBJECTS, pace=(1.0, 1.0, 1.0)):
    rows = [(s["subject"], turn, 0, slow * COSTS[s["subject"]], 1) for turn, slow in enumerate(pace) for s in subjects]
    timings = pd.DataFrame(rows, columns=list(Sample._fields))
    return replace(run.frames, timings=timings, subjects=pd.DataFrame(subjects, columns=list(SUBJECT_COLUMNS)))


def marks(ax):
    """Where the points are."""
    return sorted(
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in ax.lines
        if len(line.get_xdata()) == 1 and line.get_marker() != "None"
    )


def test_points_stand_at_their_intensity_and_speed_under_the_lines_of_the_references(small_run):
    figure = roofline.figure(results(small_run))
    roofs, updates = figure.axes
    assert marks(roofs) == [(5.0, 50.0), (10.0, 50.0)] and marks(updates) == [(20e9, 40.0)]
    lines = [line.get_xydata() for line in roofs.lines if len(line.get_xdata()) == 2]
    flat = [line for line in lines if line[0, 1] == line[1, 1]]
    slanted = [line for line in lines if line[0, 1] < line[1, 1]]
    assert [line[0, 1] for line in flat] == [pytest.approx(100.0)]
    assert sorted(line[1, 1] / line[1, 0] for line in slanted) == pytest.approx([8.0, 80.0])
    assert all(line[1, 1] <= 100.0 + 1e-9 for line in slanted)
    low, high = roofs.get_xlim()
    assert all(low < x < high for x, _ in marks(roofs))


def test_the_table_has_a_row_a_point_with_its_share_of_the_best(small_run):
    rows = {row["what"]: row for row in roofline.table(results(small_run))}
    assert list(rows) == ["whole step", "forward product, layer 1", "update"]
    step = rows["whole step"]  # 2 s at the peak and 0.25 s at the triad of its level, of 4 s
    assert step["FLOPs a byte"] == "10" and step["speed"] == "50 GFLOP/s" and step["floor / cost"] == "56 %"
    assert rows["forward product, layer 1"]["floor / cost"] == "50 %"  # its bytes take no time of their own
    assert rows["update"]["floor / cost"] == "50 %" and rows["update"]["FLOPs a byte"] == "–"


def test_the_caption_tells_when_the_machine_moved_and_speaks_of_what_is_drawn(small_run):
    assert "machine moved" not in roofline.caption(results(small_run))
    assert "machine moved" in roofline.caption(results(small_run, pace=(1.0, 1.0, 1.0, 1.5)))
    assert "product" in roofline.caption(results(small_run)) and "Below" in roofline.caption(results(small_run))
    few = results(small_run, [s for s in SUBJECTS if s["part"] in ("peak", "triad", "step")])
    assert "product" not in roofline.caption(few) and "Below" not in roofline.caption(few)
    assert len(roofline.figure(few).axes) == 1


def test_no_picture_where_nothing_counts_flops(small_run):
    functions = [s for s in SUBJECTS if s["part"] in ("peak", "gather")]
    assert roofline.figure(results(small_run, functions)) is None and roofline.figure(results(small_run, [])) is None
    bare = replace(small_run.frames, timings=small_run.timings.iloc[:0], subjects=small_run.subjects.iloc[:0])
    assert roofline.figure(bare) is None and 'id="run-roofline"' not in render(bare)


def test_only_the_smallest_number_of_jobs_is_drawn(small_run):
    twice = [{**s, "subject": f"{s['subject']}, 2 jobs", "jobs": 2} for s in SUBJECTS]
    COSTS.update({s["subject"]: 9.0 for s in twice})
    drawn = roofline.figure(results(small_run, SUBJECTS + twice))
    assert marks(drawn.axes[0]) == [(5.0, 50.0), (10.0, 50.0)]


def test_a_run_shows_its_steps_under_the_roofs(small_run):
    figure = roofline.figure(small_run.frames)
    assert isinstance(figure, Figure) and len(figure.axes) == 1 and len(marks(figure.axes[0])) == 4
    names = {words.get_text() for words in figure.axes[0].texts}
    assert {"batch 8", "batch 32"} <= names and 'id="run-roofline"' in render(small_run.frames)


def test_all_parts_of_a_timing_have_a_mark_and_bytes(small_run):
    planned = plan(
        cases(["6-5-3"], (), [4], ["float32", "float64"]), {"sgd": gdbench.kernels.rules.registry.find("sgd")}
    )
    samples = measure(planned.subjects, renew=planned.renew, rounds=2, samples=1, least=1e-4)
    subjects = pd.DataFrame([subject.facts() for subject in planned.subjects])
    timed = replace(small_run.frames, timings=pd.DataFrame(samples), subjects=subjects)
    drawn = set(roofline._points(roofline._of_one_job(timed))["part"])
    assert drawn == set(roofline.MARKERS) - {"update"} and len(roofline.figure(timed).axes) == 2
    facts = subjects.set_index("subject")["bytes"]
    assert facts["forward product 1: 6-5-3, batch 4, float32"] == 4 * (4 * 6 + 6 * 5 + 4 * 5)
    assert facts["forward product 1: 6-5-3, batch 4, float64"] == 8 * (4 * 6 + 6 * 5 + 4 * 5)
    first, second = product_bytes(6, 5, 4, 4), product_bytes(5, 3, 4, 4)
    assert products_bytes((6, 5, 3), 4, 4) == (first + second, first + 2 * second)
    assert facts["backward: 6-5-3, batch 4, float32"] == first + 2 * second
