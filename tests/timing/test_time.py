"""`gdbench time`: caches, cases, floors and what is printed, without a word about absolute times."""

import json

import numpy as np
import pandas as pd
import pytest

import gdbench
from gdbench.cli import main
from gdbench.errors import UsageError
from gdbench.machine.caches import ASSUMED, MEMORY, Level, level_of, levels
from gdbench.reports import timing_table
from gdbench.results.export import export
from gdbench.stats import bootstrap_product
from gdbench.stats.timings import MOVED, roofline, spreads
from gdbench.timing import cases, plan
from gdbench.timing.references import footprint, peak, triad
from gdbench.timing.subjects import FACTS

pytestmark = pytest.mark.usefixtures("no_pictures")


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def declared(folder, *caches):
    """A folder as the system's, of (type, level, size); those with a fourth value are of that processor."""
    for i, (*cache, processor) in enumerate((*cache, 0)[:4] for cache in caches):
        index = folder / f"cpu{processor}" / "cache" / f"index{i}"
        index.mkdir(parents=True)
        for name, value in zip(("type", "level", "size"), cache, strict=True):
            (index / name).write_text(f"{value}\n")
    return folder


def test_caches_are_as_the_system_declares_them(tmp_path):
    folder = declared(
        tmp_path, ("Data", 1, "48K"), ("Instruction", 1, "32K"), ("Unified", 2, "2M"), ("Unified", 3, "1G")
    )
    names = [("L1", 48 * 2**10), ("L2", 2 * 2**20), ("L3", 2**30), (MEMORY, 0)]
    assert levels(folder) == tuple(Level(*each) for each in names)


def test_of_cores_that_differ_the_larger_caches_count(tmp_path):
    little, big = (("Data", 1, "32K", 0), ("Unified", 2, "128K", 0)), (("Data", 1, "64K", 4), ("Unified", 2, "1M", 4))
    expected = (Level("L1", 64 * 2**10), Level("L2", 2**20), Level(MEMORY, 0))
    assert levels(declared(tmp_path, *little, *big)) == expected


@pytest.mark.parametrize("caches", [(), (("Data", "one", "48K"),), (("Data", 1, ""),), (("Data", 1, "48X"),)])
def test_where_the_system_does_not_tell_caches_are_assumed(caches, tmp_path):
    assert levels(declared(tmp_path, *caches))[:-1] == ASSUMED


def test_arrays_are_in_the_nearest_cache_that_holds_them():
    caches = (Level("L1", 100), Level("L2", 1000), Level(MEMORY, 0))
    assert [level_of(size, caches).name for size in (1, 100, 101, 1000, 1001)] == ["L1", "L1", "L2", "L2", MEMORY]


def test_a_triad_goes_over_what_only_its_level_holds():
    caches = (Level("L1", 32 * 2**10), Level("L2", 2**19), Level("L3", 2**21), Level(MEMORY, 0))
    sizes = [footprint(level, caches) for level in caches]
    for size, inner, level in zip(sizes[1:], caches, caches[1:], strict=False):
        assert size > inner.size and (size <= level.size or level.name == MEMORY)
    assert sizes[0] == 2**14 and sizes[-1] == 4 * 2**21
    for level, size in zip(caches, sizes, strict=True):
        assert triad(level, caches).bytes == pytest.approx(1.5 * size, rel=0.1)  # of two arrays 2 + 1 are moved
    assert peak("float32").flops == 2 * peak("float64").flops


def row(subject, part, **facts):
    return {"subject": subject, **dict.fromkeys(FACTS), "part": part, "jobs": 1, **facts}


SUBJECTS = pd.DataFrame(
    [
        row("peak", "peak", dtype="float32", flops=100.0),
        row("peak, 2 jobs", "peak", dtype="float32", flops=100.0, jobs=2),
        row("triad", "triad", dtype="float64", bytes=10.0, memory="L1"),
        row(
            "step",
            "step",
            problem="p",
            batch_size=8,
            rule="sgd",
            dtype="float32",
            flops=1000.0,
            bytes=40.0,
            memory="L1",
        ),
        row("update", "update", problem="p", batch_size=8, rule="sgd", dtype="float32", bytes=40.0, memory="L1"),
        row("forward", "forward", problem="p", batch_size=8, dtype="float32", flops=500.0),
        row("twice", "step", problem="p", batch_size=8, rule="sgd", dtype="float32", flops=1000.0, jobs=2),
        row("far", "update", problem="p", batch_size=8, rule="adam", dtype="float32", bytes=40.0, memory="L2"),
        row("gather", "gather", problem="p", batch_size=8, dtype="float32"),
    ]
)
COSTS = {"peak": 1.0, "peak, 2 jobs": 1.5, "triad": 0.5, "step": 24.0, "update": 4.0, "forward": 5.0, "twice": 30.0}
COSTS |= {"far": 7.0, "gather": 1.0}


def timed(pace):
    """One sample of each subject in each round, at that round's pace."""
    rows = [(name, turn, 0, 2 * cost * slow, 2) for turn, slow in enumerate(pace) for name, cost in COSTS.items()]
    return pd.DataFrame(rows, columns=["subject", "round", "sample", "seconds", "steps"])


def test_a_floor_is_flops_over_the_peak_plus_bytes_over_the_bandwidth_at_the_greatest_speed():
    found = roofline(timed([1.0, 3.0, 3.0, 3.0, 3.0]), SUBJECTS).set_index("subject")
    # step: 1000 flops at 100 a second, and 40 bytes at 20 a second, are 12 seconds; in most rounds all takes longer.
    assert found.loc["step", "floor"] == pytest.approx(12.0) and found.loc["step", "median"] == pytest.approx(72.0)
    wanted = {"step": 6.0, "update": 6.0, "forward": 3.0, "twice": 6.0}
    for name, ratio in wanted.items():
        assert found.loc[name, "ratio"] == pytest.approx(ratio)
        assert found.loc[name, "ratio_low"] >= ratio / 3 * (1 - 1e-9)
    assert found.loc[["peak", "triad", "gather", "far"], ["floor", "ratio"]].isna().all(axis=None)
    assert list(found.index) == SUBJECTS["subject"].tolist()


def test_references_tell_whether_the_machine_moved():
    still = spreads(timed([1.0, 1.0, 1.05]), SUBJECTS)
    assert set(still["subject"]) == {"peak", "peak, 2 jobs", "triad"} and list(timing_table.moved(still, MOVED)) == []
    (sentence,) = timing_table.moved(spreads(timed([1.0, 1.0, 1.25]), SUBJECTS), MOVED)
    assert "25 %" in sentence and "10 %" in sentence


def test_tables_hold_what_the_frame_says():
    frame = roofline(timed([1.0, 1.0]), SUBJECTS)
    step, twice = timing_table.step_rows(frame)
    assert (step["problem"], step["batch"], step["rule"], step["jobs"]) == ("p", "8", "sgd", "1")
    assert (step["forward"], step["update"], step["loss"]) == ("5 s", "4 s", "–") and twice["update"] == "–"
    assert step["floor"] == "12 s" and step["step / floor"] == "2.00 [2.00, 2.00]"
    kernels = timing_table.kernel_rows(frame)
    assert [row["of the roof"] for row in kernels] == ["50 %", "–"] and kernels[0]["roof"] == "triad L1"
    first = timing_table.machine_rows(frame, spreads(timed([1.0, 1.0]), SUBJECTS))[1]
    assert first["jobs"] == "2" and first["speed"] == "1.33e-7 GFLOP/s" and first["speed-up"] == "1.33"


def test_the_products_of_a_step_are_a_share_of_the_peak_together():
    facts = {"problem": "p", "batch_size": 8, "dtype": "float32", "jobs": 1, "bytes": np.nan, "memory": None}
    subjects = pd.DataFrame(
        [
            {**facts, "subject": name, "part": part, "rule": rule, "layer": layer, "flops": flops}
            for name, part, rule, layer, flops in (
                ("step", "step", "sgd", np.nan, 400.0),
                ("one", "forward product", None, 1.0, 100.0),
                ("other", "weight product", None, 1.0, 300.0),
                ("peak", "peak", None, np.nan, 100.0),
            )
        ]
    )
    costs = {"step": 20.0, "one": 3.0, "other": 5.0, "peak": 1.0}  # 100 and 300 flops at 100 a second: 4 s of 8
    rows = [(name, turn, 0, cost, 1) for turn in range(2) for name, cost in costs.items()]
    timings = pd.DataFrame(rows, columns=["subject", "round", "sample", "seconds", "steps"])
    (step,) = timing_table.step_rows(roofline(timings, subjects))
    assert step["products"] == "50 %" and step["step / floor"] == "5.00 [5.00, 5.00]"


def test_a_product_of_medians_has_the_interval_of_both():
    steps, cost = np.array([80.0, 90.0, 100.0, 110.0, 120.0]), np.array([8e-4, 9e-4, 1e-3, 1.1e-3, 1.2e-3])
    found = bootstrap_product(steps, cost)
    assert found.estimate == pytest.approx(0.1) and found.low < 0.1 < found.high
    assert bootstrap_product(steps, np.full(5, 1e-3)).high < found.high
    assert bootstrap_product(np.full(5, np.inf), cost) == (np.inf,) * 3
    assert np.isnan(bootstrap_product(steps, np.array([]))).all()
    assert np.isnan(bootstrap_product(steps, cost[:1])[1:]).all() and bootstrap_product(steps, cost[2:3])[0] == 0.1


def test_shapes_are_networks_of_those_widths():
    (case,) = cases(["20-7-5-3"], (), [16], ["float64"])
    assert case.problem.sizes.tolist() == [20, 7, 5, 3] and case.batch_size == 16 and case.problem.dtype == "float64"
    assert case.problem.n >= 32
    (flat,) = cases(["20-1"], (), (), ["float32"])
    assert flat.problem.sizes.tolist() == [20, 1] and flat.batch_size == 32


def test_batches_go_with_every_net_and_problem_but_functions():
    found = cases(["4-3-2"], ["iris", "booth"], [8, "full"][:1], ["float32", "float64"])
    assert [(case.label, case.batch_size) for case in found] == [("4-3-2", 8), ("iris", 8), ("booth", 1)] * 2
    (full,) = cases((), ["iris"], ["full"], ["float32"])
    assert full.batch_size == full.problem.n
    assert len(cases((), (), (), ["float32"])) == 4


@pytest.mark.parametrize("shape", ["784", "784-0-10", "784x10", "-3-4", "a-b", "3-4-"])
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(UsageError, match="784-128-10"):
        cases([shape], (), (), ["float32"])


def test_names_of_subjects_differ_and_references_are_there_once_for_each_number_of_jobs():
    asked = cases(["4-3-2"], ["booth"], (), ["float32"])
    subjects = plan(asked * 2, {"sgd": gdbench.kernels.rules.registry.find("sgd")}, (1, 2)).subjects
    assert len({subject.name for subject in subjects}) == len(subjects)
    references = [subject.name for subject in subjects if subject.part in ("peak", "triad")]
    assert len(references) == 2 * (1 + len(levels()))


FEW = ("--net", "6-5-3", "--batch", "4", "--rounds", "2", "--processes", "1")


def test_time_prints_steps_kernels_and_the_machine(capsys):
    code, out, err = call(capsys, "time", "adam", *FEW, "--quiet")
    assert code == 0 and err == ""
    for words in ("6-5-3", "adam", "step / floor", "forward product, layer 1", "FMA peak float32", "triad memory"):
        assert words in out, words
    assert "input product, layer 2" in out and "input product, layer 1" not in out


def test_json_holds_the_raw_samples_and_what_they_mean(capsys):
    code, out, err = call(capsys, "time", "adam", *FEW, "--json")
    document = json.loads(out)
    assert code == 0 and err == "" and document["rounds"] == 2 and document["compile_seconds"] > 0
    assert {*document} >= {"environment", "caches", "compiled", "moved", "spreads", "subjects", "samples"}
    subjects = {row["subject"]: row for row in document["subjects"]}
    assert {row["part"] for row in subjects.values()} == {
        *("step", "gather", "forward", "loss", "backward", "update", "peak", "triad"),
        *("forward product", "weight product", "input product"),
    }
    step = subjects["step: 6-5-3, adam, batch 4, float32"]
    assert step["flops"] == 4 * 4 * 6 * 5 + 6 * 4 * 5 * 3 and step["bytes"] == 28 * (6 * 5 + 5 + 5 * 3 + 3)
    assert step["memory"] == "L1" and step["ratio"] > 0 and step["floor"] > 0
    assert len(document["samples"]) == 2 * 20 * len(subjects)
    assert {*document["samples"][0]} == {"subject", "round", "sample", "seconds", "steps"}


def test_each_of_several_processes_is_one_repetition_with_all_its_samples(tmp_path, capsys):
    several = (*FEW[:4], "--rounds", "3", "--processes", "2", "--json", "--save", "--out", tmp_path / "out")
    code, out, _ = call(capsys, "time", "sgd", *several)
    document = json.loads(out)
    samples = pd.DataFrame(document["samples"])
    assert code == 0 and document["rounds"] == 2
    visits = samples.groupby(["subject", "round"])["sample"]
    assert (visits.nunique() == 2 * 20).all() and (visits.size() == 2 * 20).all()  # 2 rounds of 20 samples in each
    assert len(gdbench.load(tmp_path / "out" / "gdbench.db").timings) == len(samples)


def test_saved_timings_are_a_run_of_their_own_with_a_page(tmp_path, capsys):
    code, out, _ = call(capsys, "time", "sgd", *FEW, "--json", "--save", "--out", tmp_path / "out")
    document = json.loads(out)
    run = gdbench.load(tmp_path / "out" / "gdbench.db")
    assert code == 0 and run.id == document["run"] and run.state == "complete" and run.trials.empty
    assert len(run.timings) == len(document["samples"]) and set(run.timings["subject"]) == set(run.subjects["subject"])
    assert (tmp_path / "out" / run.id / "report.html").is_file()
    for form in ("json", "csv"):  # tables without rows have no types
        assert (
            gdbench.load(export(run.frames, tmp_path / f"run.{form}", form)).report(tmp_path / f"{form}.html").is_file()
        )
    found = roofline(run.timings, run.subjects).set_index("subject")["ratio"]
    for row in document["subjects"]:
        assert row["ratio"] is None or found[row["subject"]] == pytest.approx(row["ratio"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["adem"], "did you mean 'adam'"),
        (["--net", "784"], "such as 784-128-10"),
        (["--net", "4-2", "--batch", "full"], "has none, so give a number"),
        (["--batch", "0"], "--batch '0' must be a whole number"),
        (["--batch", "many"], "--batch 'many' must be a whole number"),
        (["--problem", "irish"], "did you mean 'iris'"),
        (["--problem", "iris", "--batch", "4000"], "batch_size = 4000 is larger"),
        (["--dtype", "float16"], "--dtype 'float16' is not known"),
        (["--rounds", "0"], "--rounds"),
        (["--jobs", "0"], "--jobs"),
        (["--plugin", "none.py"], "none.py cannot be read"),
    ],
)
def test_mistakes_are_told_in_one_sentence(arguments, words, capsys):
    code, out, err = call(capsys, "time", *arguments)
    assert code == 2 and out == "" and words in err and err.count("\n") == 1 and "Traceback" not in err
