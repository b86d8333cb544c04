"""Work that several processes share gives what one alone gives, also where one of them fails or dies."""

import os
import shutil
import sqlite3
from functools import partial

import pytest
from reliability.planted import plant
from shared_work import doubled, killed_elsewhere, refused

import gdbench
from gdbench.api import history
from gdbench.cli import options
from gdbench.errors import DamagedError, UsageError
from gdbench.machine.processes import shared
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


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "gdbench.db"
    plant(path, runs=3, trials=30)
    return path


def test_history_is_the_same_by_several_processes(store):
    place = Store(store)
    records = history.runs_of(place.runs(), history.fingerprint(place.runs()[0].environment))
    assert len(records) == 3
    alone, together = (history.read_points(place, records, processes=count) for count in (1, 2))
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
