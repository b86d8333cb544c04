"""A run's database under it: who writes, what happens when the file or the disk is taken away, what is left behind."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest
from reliability.planted import TARGET, plant, records

import gdbench
from gdbench.cli import main
from gdbench.errors import StoreError, UsageError, WritingError
from gdbench.inputs.writing import remove_leftovers, replacing
from gdbench.results.files import run_folder
from gdbench.store import Store, database, life

RUN = {
    "suite": "s",
    "title": "",
    "description": "",
    "table": {},
    "target": TARGET,
    "code": "c",
    "backend": "cpu",
    "trials": 4,
    "environment": {},
    "git_commit": None,
    "git_dirty": None,
}
TRIALS = list(records(4, 6, np.random.default_rng(0)))


def begin(path, trials=2):
    store = Store(path)
    run = store.begin(identity="i", **RUN)
    store.add(run, "c", "cpu", TRIALS[:trials])
    return store, run


# ------------------------------------------------------------------------------------------------------ who writes

HERE = life.this_process()
NOW, UPTIME = time.time(), time.monotonic()
OTHER = {"namespace": "pid:[1]"}  # a container on this machine
FAR = {"boot": "another", "uptime": 5.0}  # another machine
AGO = {"heartbeat": -9e4, "uptime": -9e4}  # by all clocks
ALIVE = {
    "this process": ({}, {}, True),
    "this process, whose clock was set back by a day": ({}, {"heartbeat": +9e4}, True),
    "this process, whose clock was set forward": ({}, {"heartbeat": -9e4}, True),
    "this process, asleep for long": ({}, AGO, True),
    "a process that has ended, but just beat": ({"process": 2**22 + 1}, {}, False),
    "another process that got its number": ({"process_started": 1.0}, {}, False),
    "a process of another container that beats": ({**OTHER, "process": 2**22 + 1}, {}, True),
    "one whose clock was set": ({**OTHER, "process": 2**22 + 1}, {"heartbeat": -9e4}, True),
    "one that beats no more": ({**OTHER, "process": os.getpid()}, AGO, False),
    "one on another machine that beats": (FAR, {"heartbeat": -20}, True),
    "one on another machine whose clock is ahead": (FAR, {"heartbeat": +3600}, True),
    "one on another machine that beats no more": (FAR, {"heartbeat": -100}, False),
    "one of before a restart of a machine of this name": ({**FAR, "host": HERE["host"]}, {"heartbeat": -100}, False),
}


@pytest.mark.parametrize("case", ALIVE)
def test_a_process_is_known_by_boot_namespace_and_start_and_else_by_its_heartbeat(case):
    changed, shifts, expected = ALIVE[case]
    row = {**life.this_process(), **changed}
    row |= {name: row[name] + shift for name, shift in shifts.items() if name not in changed}
    assert life.is_alive(row) is expected


@pytest.mark.parametrize("column", ["process", "process_started", "heartbeat", "uptime"])
@pytest.mark.parametrize("cell", ["text", b"\0"])
def test_a_run_whose_row_names_no_process_is_passed_over_and_can_be_removed(column, cell, tmp_path):
    path = tmp_path / "s.db"
    begin(path)[0].close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE runs SET namespace = 'of a container', {column} = ?", (cell,))
    assert Store(path).resume("i") is None
    Store(path).remove(Store(path).runs()[0].run)
    assert not Store(path).runs()
    with pytest.raises(UsageError, match="any more"):
        Store(path).remove("0123abcd")


def test_a_run_that_is_written_is_not_removed_and_one_that_was_taken_over_is_written_by_one_alone(tmp_path):
    path = tmp_path / "s.db"
    first, run = begin(path)
    with pytest.raises(UsageError, match="is running"):
        Store(path).remove(run)
    with closing(sqlite3.connect(path)) as connection, connection:  # as another machine would see it after a while
        connection.execute("UPDATE runs SET boot = 'x', uptime = 0, heartbeat = heartbeat - 1000")
    second = Store(path)
    assert second.resume("i").run == run
    second.add(run, "c", "cpu", TRIALS[2:3])
    for write in (
        lambda: first.add(run, "c", "cpu", TRIALS[3:]),
        lambda: Store.heartbeat(first, run),
        lambda: first.finish(run, "complete"),
    ):
        first._tokens.setdefault(run, "mine")
        with pytest.raises(WritingError, match="was taken over"):
            write()
    second.finish(run, "interrupted")
    assert gdbench.load(path).trials["trial"].tolist() == [0, 1, 2]


def test_heartbeats_go_on_while_a_trial_takes_long(small, tmp_path, monkeypatch):
    beats = []
    monkeypatch.setattr("gdbench.runner.run.HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(Store, "heartbeat", lambda self, run: beats.append(run))
    monkeypatch.setattr("gdbench.runner.backends.threads.safely", lambda *_: time.sleep(0.2))
    gdbench.run({**small, "seeds": 1, "rule": {"sgd": {"lr": [0.1, 0.2]}}}, store=tmp_path / "s.db", jobs=1, time=False)
    assert len(beats) > 10


# ---------------------------------------------------------------------------------------- the database taken away


def removed(path):
    path.unlink()


def renamed(path):
    path.rename(path.with_name("elsewhere.db"))


def replaced(path):
    plant(path.with_name("other.db"), runs=1, trials=3)
    path.with_name("other.db").replace(path)


def overwritten(path):
    plant(path.with_name("other.db"), runs=1, trials=3)
    shutil.copyfile(path.with_name("other.db"), path)


def without_its_log(path):
    path.with_name(f"{path.name}-wal").unlink()


def folder_renamed(path):
    path.parent.rename(path.parent.with_name("moved"))


TAKEN = (removed, renamed, replaced, overwritten, without_its_log, folder_renamed)


@pytest.mark.parametrize("take", TAKEN)
def test_a_database_that_is_taken_away_is_noticed_and_the_results_are_beside_it(take, tmp_path):
    path = tmp_path / "out" / "gdbench.db"
    store, run = begin(path)
    take(path)
    with pytest.raises(WritingError) as caught:
        store.add(run, "c", "cpu", TRIALS[2:3])
    rescued = path.with_name(f"gdbench-rescued-{run}.db")
    assert str(rescued) in str(caught.value) and caught.value.exit_code == 3
    back = gdbench.load(rescued)
    assert back.id == run and back.state == "interrupted" and back.trials["trial"].tolist() == [0, 1, 2]
    assert Store(rescued).resume("i").run == run
    if take in (replaced, overwritten):
        assert len(gdbench.load(path).trials) == 3 and gdbench.load(path).state == "complete"


def by_another_process(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET token = 'of another process'")


def by_nobody(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ("curves", "trials", "runs"):
            connection.execute(f"DELETE FROM {table}")


LOST = {removed: "was removed", replaced: "was replaced", by_another_process: "taken over", by_nobody: "was removed"}


@pytest.mark.parametrize("moment", ["finished", "timing", "deliver"])
@pytest.mark.parametrize("take", LOST)
def test_a_run_that_is_lost_ends_with_that_sentence_and_changes_nothing_any_more(take, moment, small, tmp_path):
    path = tmp_path / "gdbench.db"

    class Taking(gdbench.runner.Watcher):
        def __getattribute__(self, name):
            if name == moment and not taken:
                taken.append(take(path))
            return super().__getattribute__(name)

    taken, suite = [], {**small, "seeds": 1, "tune_seeds": 0, "rule": {"sgd": {"lr": [0.01, 0.1]}}}
    with pytest.raises(WritingError, match=LOST[take]) as caught:
        gdbench.run(suite, store=path, jobs=1, watcher=Taking(), deliver=lambda run: getattr(Taking(), moment, None))
    assert caught.value.exit_code == 3 and taken
    if take in (removed, replaced):
        (rescued,) = tmp_path.glob("gdbench-rescued-*.db")
        assert str(rescued) in str(caught.value) and len(gdbench.load(rescued).trials)
    if take is by_another_process:
        with closing(sqlite3.connect(path)) as connection:
            state = "complete" if moment == "deliver" else "running"
            assert connection.execute("SELECT state, token FROM runs").fetchall() == [(state, "of another process")]


def test_a_log_that_a_moved_database_left_is_not_read_into_a_new_one(tmp_path):
    path = tmp_path / "gdbench.db"
    store, run = begin(path)
    path.rename(tmp_path / "elsewhere.db")
    (other,) = plant(path, runs=1, trials=3)
    with pytest.raises(WritingError):
        store.finish(run, "complete")
    assert [record.run for record in Store(path).runs()] == [other]
    assert len(gdbench.load(path).trials) == 3


# ---------------------------------------------------------------------------------------------------- a full disk

FULL = """
import resource, sys
from gdbench.store import Store
from gdbench.errors import GdbenchError
sys.path.insert(0, sys.argv[3])
from test_store_life import RUN, TRIALS
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    store = Store(sys.argv[1]); run = store.begin(identity="i", **RUN)
    for _ in range(100):
        store.add(run, "c", "cpu", TRIALS)
except GdbenchError as error:
    print(error); sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("size", "code"), [(5000, 2), (20000, 2), (60000, 2), (130000, 3), (200000, 3)])
def test_a_full_disk_leaves_a_store_that_can_be_used(size, code, tmp_path, request):
    path = tmp_path / "out" / "s.db"
    command = [sys.executable, "-c", FULL, str(path), str(size), str(request.path.parent)]
    environment = {**os.environ, "PYTHONPATH": str(request.path.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode in (code, 2, 3) and done.stdout.count("\n") == 1, done
    left = {each.name for each in path.parent.iterdir()}
    assert left <= {"s.db", "s.db-wal", "s.db-shm"}
    store = Store(path)
    record = store.resume("i")
    run = record.run if record else store.begin(identity="i", **RUN)
    store.add(run, "c", "cpu", TRIALS)
    store.finish(run, "complete")
    assert gdbench.load(path).trials["trial"].tolist() == [0, 1, 2, 3]


# ------------------------------------------------------------------------------------------------ what is left behind


def test_files_of_killed_commands_are_removed_and_those_of_living_ones_are_not(tmp_path):
    code = "import sys, pathlib, time\nfrom gdbench.inputs.writing import temporary_in\n"
    code += "with temporary_in(pathlib.Path(sys.argv[1])) as path: print(path, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    path = process.stdout.readline().strip()
    open(f"{path}-journal", "w").close()
    (tmp_path / ".gdbench-notours").write_text("")
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with replacing(tmp_path / "new") as temporary:
        temporary.write_text("whole")
    assert {each.name for each in tmp_path.iterdir()} == {".gdbench-notours", "new"}


def test_a_run_whose_process_ended_before_its_page_is_not_trained_anew(small, tmp_path):
    path = tmp_path / "s.db"

    def ends(run):
        raise MemoryError

    with pytest.raises(MemoryError):
        gdbench.run(small, store=path, time=False, deliver=ends)
    first = gdbench.load(path)
    assert first.state == "complete"
    assert gdbench.run(small, store=path, time=False).id != first.id  # this process still lives
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET process_started = 1 WHERE run = ?", (first.id,))
    pages = []
    again = gdbench.run(small, store=path, time=False, deliver=pages.append)
    assert again.id == first.id and again.trials.equals(first.trials) and [run.id for run in pages] == [first.id]
    assert gdbench.run(small, store=path, time=False).id != first.id


def test_no_connection_is_left_open(tmp_path):
    path = tmp_path / "s.db"
    (run,) = plant(path, runs=1, trials=4)
    assert len(gdbench.load(path).trials) == 4 and Store(path).notes() == {run: "note 0"}
    opened = {os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if _links(number)}
    assert not any(str(tmp_path) in name for name in opened)
    assert {each.name for each in tmp_path.iterdir()} == {"s.db"}


def _links(number):
    try:
        os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return False
    return True


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root, to mount a folder read-only")
def test_a_finished_store_on_a_read_only_mount_is_read(tmp_path):
    source, mount = tmp_path / "source", tmp_path / "mount"
    source.mkdir(), mount.mkdir()
    plant(source / "gdbench.db", runs=1, trials=4)
    read = f"import gdbench; print(len(gdbench.load({str(mount / 'gdbench.db')!r}).trials))"
    script = 'mount --bind "$1" "$2" && mount -o remount,ro,bind "$2" || exit 77; shift 2; "$@"'
    command = ["unshare", "-m", "sh", "-c", script, "-", source, mount, sys.executable, "-c"]
    done = subprocess.run([*map(str, command), read], capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("nothing may be mounted here")
    assert done.stdout == "4\n", done.stderr
    (source / "gdbench.db-wal").write_bytes(b"x" * 100)
    told = read.replace("print(", "\ntry: print(") + "\nexcept gdbench.GdbenchError as e: print(e)"
    done = subprocess.run([*map(str, command), told], capture_output=True, text=True)
    assert "gdbench.db-wal" in done.stdout and "copy both" in done.stdout


# ------------------------------------------------------------------------------------------------------- open doors


IDS = ["../victim", "/victim", "..", ".", "a/b", "é", "\x1b[2J", "", "12345678+", "0" * 33]


@pytest.mark.parametrize("name", IDS)
def test_an_id_that_is_none_of_ours_names_no_folder(name, tmp_path):
    path = tmp_path / "s.db"
    plant(path, runs=1, trials=2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for table in ("runs", "trials", "curves", "timings", "subjects", "notes"):
            connection.execute(f"UPDATE {table} SET run = ?", (name,))
    for damaged in ("stop", "skip", "take"):
        with pytest.raises((StoreError, UsageError)):
            Store(path).find("latest", damaged=damaged)
    with pytest.raises(UsageError, match="does not name a folder"):
        run_folder(tmp_path / "out", name)


@pytest.mark.parametrize("name", ["baselines", "src", "0123abcd"])
def test_removing_a_run_deletes_no_folder_that_is_not_called_as_those_of_runs_are(name, tmp_path, capsys):
    path, out = tmp_path / "s.db", tmp_path / "out"
    plant(path, runs=1, trials=2, notes=False)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for table in ("runs", "trials", "curves", "timings", "subjects"):
            connection.execute(f"UPDATE {table} SET run = ?", (name,))
    (out / name).mkdir(parents=True)
    with pytest.raises(SystemExit) as ended:
        main(["remove", name, "--store", str(path), "--out", str(out)])
    assert not ended.value.code and not Store(path).runs()
    assert (out / name).exists() == (name != "0123abcd")


def test_a_folder_that_leads_elsewhere_is_not_written_to(tmp_path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "0123abcd").symlink_to(tmp_path / "victim")
    with pytest.raises(UsageError, match="does not name a folder"):
        run_folder(tmp_path / "out", "0123abcd")


def test_who_makes_a_store_while_another_does_leaves_the_log_of_the_first_alone(tmp_path, monkeypatch):
    path, first, make = tmp_path / "s.db", Store(tmp_path / "s.db"), database.make_file
    runs = []

    def meanwhile(temporary):
        make(temporary)
        monkeypatch.setattr(database, "make_file", make)
        runs.append(first.begin(identity="first", **RUN))

    monkeypatch.setattr(database, "make_file", meanwhile)
    second = Store(path)
    runs.append(second.begin(identity="second", **RUN))
    assert {record.run for record in Store(path).runs()} == set(runs)
    for store in (first, second):
        store.close()


# ------------------------------------------------------------------------------------------------- who reads meanwhile


def test_what_is_read_of_a_run_that_goes_on_is_of_one_moment(tmp_path):
    path = tmp_path / "s.db"
    store, run = begin(path, trials=2)
    with Store(path).snapshot() as snapshot:
        (before,) = snapshot.runs
        store.add(run, "c", "cpu", TRIALS[2:])
        store.finish(run, "complete")
        stored = snapshot.read(run)
    assert before.state == "running" and stored.trials["trial"].tolist() == [0, 1]
    frames = gdbench.load(path).frames
    assert frames.trials["trial"].tolist() == sorted(set(frames.curves["trial"])) == [0, 1, 2, 3]
    assert frames.targets["step"].tolist() == frames.trials["steps_to_target"].fillna(np.inf).tolist()


def test_a_disk_that_is_full_before_the_log_is_chosen_is_told(tmp_path, monkeypatch):
    def fails(path):  # what SQLite says by itself, without SQLAlchemy
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database, "make_file", fails)
    with pytest.raises(StoreError, match=r"cannot be made: database or disk is full; make room") as caught:
        Store(tmp_path / "s.db").begin(identity="i", **RUN)
    assert caught.value.exit_code == 2 and not list(tmp_path.iterdir())
