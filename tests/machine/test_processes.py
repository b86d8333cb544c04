"""Work that several processes share gives what one alone gives, also where one of them fails or dies."""

import multiprocessing.context
import os
import shutil
import sqlite3
import subprocess
import sys
from functools import partial

import pytest
from reliability.planted import plant
from shared_work import doubled, killed_elsewhere, refused

import gdbench
from gdbench.api import run_metrics
from gdbench.cli import options
from gdbench.errors import DamagedError, UsageError
from gdbench.machine.environment import fingerprint
from gdbench.machine.processes import EndedError, NotStartedError, apart, command, helper, shared, variables
from gdbench.store import Store


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_results_stand_in_the_order_of_their_items(processes):
    found = shared(doubled, range(5), processes)
    assert [result for result, _ in found] == [0, 2, 4, 6, 8]
    assert len({process for _, process in found}) == processes and found[0][1] == os.getpid()


def test_what_another_process_raises_is_raised_here():
    with pytest.raises(UsageError, match="number 1 is refused"):
        shared(refused, range(4), 2)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_what_a_killed_process_left_is_done_here():
    assert shared(partial(killed_elsewhere, os.getpid()), range(4), 2) == [0, 1, 2, 3]


def test_one_process_apart_gives_its_result_raises_its_error_and_tells_its_end():
    result, process = apart(doubled, 21)
    assert result == 42 and process != os.getpid()
    with pytest.raises(UsageError, match="number 1 is refused"):
        apart(refused, 1)
    with pytest.raises(EndedError, match="ended with exit code 7 before it was done"):
        apart(os._exit, 7)


def no_more(*given, **named):
    raise BlockingIOError(11, "Resource temporarily unavailable")


def test_where_no_process_can_be_started_this_one_does_the_work(monkeypatch):
    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "start", no_more)
    monkeypatch.setattr(subprocess, "Popen", no_more)
    assert [process for _, process in shared(doubled, range(4), 3)] == [os.getpid()] * 4
    with helper("") as wait:
        assert wait(1.0) is None
    with pytest.raises(NotStartedError, match="no other process can be started"):
        apart(doubled, 1)


def test_a_helper_is_silent_imports_what_this_process_does_and_ends_with_the_block(tmp_path, monkeypatch, capfd):
    (tmp_path / "only_here.py").write_text("print('loud')\n")
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd" / "random.py").write_text("raise SystemExit(9)")  # what lies in the current folder
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr(sys, "path", [*filter(None, sys.path), str(tmp_path), tmp_path])  # Python ignores a Path
    same = f"import gdbench, only_here, random, sys; sys.exit(gdbench.__file__ != {gdbench.__file__!r})"
    with helper(same) as wait:
        assert wait(60) == 0
    begun, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: begun.append(popen(*a, **k)) or begun[-1])
    with helper("import time; time.sleep(600)") as wait:
        assert wait(0.01) is None
    assert begun[0].returncode is not None and capfd.readouterr() == ("", "")


def test_this_gdbench_is_found_where_the_path_of_this_process_lacks_it(monkeypatch):
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not os.path.isdir(os.path.join(path, "gdbench"))])
    said = subprocess.run(
        command("import gdbench; print(gdbench.__file__)"), env=variables(), capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == gdbench.__file__


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "gdbench.db"
    plant(path, runs=3, trials=30)
    return path


def test_history_is_the_same_by_several_processes(store):
    place = Store(store)
    records = run_metrics.runs_of(place.runs(), fingerprint(place.runs()[0].environment))
    assert len(records) == 3
    alone, together = (run_metrics.read_points(place, records, processes=count) for count in (1, 2))
    assert len(alone) and alone.equals(together)


def test_two_runs_compare_the_same_by_two_processes(store, monkeypatch, capsys):
    def compared():
        with pytest.raises(SystemExit) as ended:
            gdbench.cli.main(["compare", "latest~1", "latest", "--store", str(store), "--json"])
        return ended.value.code, capsys.readouterr().out

    alone = compared()
    monkeypatch.setattr(options, "VERY_MANY", 10)
    monkeypatch.setattr("gdbench.machine.environment.usable_cores", lambda: 2)
    asked = []
    monkeypatch.setattr("gdbench.machine.processes.shared", lambda *a, **k: asked.append(a[2]) or shared(*a, **k))
    assert compared() == alone and asked == [2]


@pytest.mark.parametrize("points", ["first", "none"])
def test_fewer_points_change_nothing_else(points, store):
    place = Store(store)
    whole, part = (place.read(place.find("latest").run, points=each) for each in ("all", points))
    for name, values in whole.trials.items():
        assert list(map(str, values)) == list(map(str, part.trials[name]))


def test_a_run_of_first_points_has_no_targets(store):
    run, whole = gdbench.load(store), gdbench.load(store)
    run.points = "first"
    assert run.curves.equals(whole.curves[whole.curves["step"] == 0].reset_index(drop=True))
    assert run.trials.equals(whole.trials) and len(whole.targets) and not len(run.targets)


def test_a_damaged_curve_is_seen_whichever_points_are_wanted(store, tmp_path):
    path = shutil.copy(store, tmp_path / "damaged.db")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE curves SET data = zeroblob(length(data)) WHERE trial = 3")
    connection.close()
    for points in ("all", "first", "none"):
        with pytest.raises(DamagedError, match="trial 3"):
            Store(path).read(Store(path).find("latest").run, points=points)


def test_a_process_that_reads_runs_loads_neither_scipy_nor_numba():
    code = "import sys, gdbench.api.run_metrics; print(*{'scipy', 'numba'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
