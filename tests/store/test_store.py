"""The store: what is no store of ours is left alone, names find runs, nothing is half-written."""

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

import gdbench
from gdbench.errors import StoreError, UsageError
from gdbench.store import Store
from gdbench.store.schema import VERSION


def content(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def foreign(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE albums (id INTEGER)")
    connection.close()


def newer(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE gdbench_schema (version INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO gdbench_schema VALUES (?)", (VERSION + 1,))
    connection.close()


def text(path):
    path.write_text("this is a diary, not a database, and longer than sixteen bytes")


def foreign_in_wal(path):
    # Another program is using its database: everything it wrote is still in the write-ahead log.
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE albums (id INTEGER)")
    connection.commit()
    OPEN.append(connection)


OPEN = []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (foreign_in_wal, "another program's tables (albums)"),
        (foreign, "another program's tables (albums)"),
        (newer, f"schema version {VERSION + 1}"),
        (text, "not an SQLite database"),
    ],
)
def test_a_database_that_is_not_ours_is_refused_and_untouched(make, words, small, tmp_path):
    path = tmp_path / "x.db"
    make(path)
    before = content(path)
    for attempt in (lambda: gdbench.run(small, store=path), lambda: gdbench.load(path)):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert words in str(caught.value) and "x.db" in str(caught.value)
    assert content(path) == before
    assert {p.name for p in tmp_path.iterdir()} <= {"x.db", *(("x.db-wal", "x.db-shm") if OPEN else ())}
    while OPEN:
        OPEN.pop().close()


def test_a_folder_or_a_strange_url_is_refused(tmp_path):
    with pytest.raises(StoreError, match="is a folder"):
        Store(tmp_path)
    with pytest.raises(UsageError, match="not a database URL"):
        Store("-://x")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store("nosuchdatabase://host/name")


def test_a_store_in_memory_leaves_no_file(small):
    assert len(gdbench.run(small, store="sqlite:///:memory:").trials) == 32
    assert list(Path.cwd().iterdir()) == []


def test_reading_makes_no_file(tmp_path):
    with pytest.raises(UsageError, match="there are no runs"):
        gdbench.load(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def two(small, tmp_path):
    path = tmp_path / "two.db"
    return path, gdbench.run(small, store=path).id, gdbench.run(small, store=path).id


def test_names_find_runs(two):
    path, first, second = two
    store = Store(path)
    assert store.find("latest").run == second and store.find("latest~1").run == first
    assert store.find(first).run == store.find(first[:6]).run == first
    for name, words in (("latest~2", "latest~1 is the oldest"), ("zzzz", "list runs"), ("", "list runs")):
        with pytest.raises(UsageError, match=words):
            store.find(name)


def test_removing_a_run_leaves_the_other(two):
    path, first, second = two
    store = Store(path)
    store.remove(first)
    assert [r.run for r in store.runs()] == [second]
    for table in ("trials", "curves", "timings"):
        assert not store.rows(table, first)
    assert len(store.rows("trials", second)) == 32
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_url_and_a_path_name_the_same_store(two):
    path, _, second = two
    assert gdbench.load(f"sqlite:///{path}").id == second


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_exports_come_back_as_they_were(form, two, tmp_path):
    from gdbench.results.export import export

    run = gdbench.load(two[0])
    run.trials["run"] = "12345678"  # an id of digits alone must come back as text
    run.trials.loc[3, "problem"] = "NA"
    path = export(run.frames, tmp_path / "out" / ("run.json" if form == "json" else "folder"), form)
    back = gdbench.Run.from_file(path)
    assert back.id == run.id and back.environment == run.environment
    for name in ("trials", "curves", "targets"):
        mine, theirs = getattr(run, name), getattr(back, name)
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False, check_exact=True)


def test_what_is_no_export_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UsageError, match="not a run exported"):
        gdbench.Run.from_file(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"gdbench_export": 99}')
    with pytest.raises(UsageError, match="export version 99"):
        gdbench.Run.from_file(tmp_path / "b.json")
    (tmp_path / "c.json").write_text('{"gdbench_export": 1, "about": {}, "environment": {}}')
    with pytest.raises(UsageError, match="incomplete export"):
        gdbench.Run.from_file(tmp_path / "c.json")


RACE = """
import sys, time
from gdbench.store import Store
while time.time() < float(sys.argv[2]):
    pass
row = dict(suite="s", title="", description="", table={}, target=None, code="c", backend="cpu", trials=0)
print(Store(sys.argv[1]).begin(identity="i", environment={}, git_commit=None, git_dirty=None, **row))
"""


def test_several_processes_may_make_the_store_at_once(tmp_path):
    start = str(time.time() + 3)
    command = [sys.executable, "-c", RACE, str(tmp_path / "r.db"), start]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    names = [p.communicate()[0].strip() for p in processes]
    assert [p.returncode for p in processes] == [0] * 4
    assert {r.run for r in Store(tmp_path / "r.db").runs()} == set(names)


def test_one_of_two_gets_the_unfinished_run(small, tmp_path):
    path = tmp_path / "s.db"
    gdbench.run(small, store=path)
    store = Store(path)
    (record,) = store.runs()
    store.finish(record.run, "interrupted")
    with ThreadPoolExecutor(4) as pool:
        taken = [r for r in pool.map(lambda _: Store(path).resume(record.identity), range(4)) if r is not None]
    assert [r.run for r in taken] == [record.run]


def test_load_reads_exports_and_refuses_what_is_no_store(two, tmp_path):
    from gdbench.results.export import export

    run = gdbench.load(two[0])
    path = export(run.frames, tmp_path / "e.json", "json")
    assert gdbench.load(path).id == run.id
    for wrong in ({"store": 5}, {"store": two[0], "run": 5}):
        with pytest.raises(UsageError):
            gdbench.load(**wrong)


def test_a_store_of_before_the_table_of_subjects_is_read(small, tmp_path):
    store = tmp_path / "before.db"
    kept = gdbench.run(small, store=store, time=False).trials["digest"].tolist()
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("DROP TABLE subjects")
        connection.execute("UPDATE gdbench_schema SET version = 2")
    run = gdbench.load(store)
    assert run.trials["digest"].tolist() == kept and run.subjects.empty and run.timings.empty


def test_the_list_of_runs_needs_no_compiler_and_no_frames(two):
    code = (
        "import sys\nfrom gdbench.cli.app import command\n"
        f"assert command(['list', 'runs', '--store', {str(two[0])!r}]) == 0\n"
        "print(*({'numba', 'pandas', 'scipy', 'matplotlib', 'gdbench.kernels', 'gdbench.data'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("sqlite+aiosqlite:///s.db", "a driver that gdbench does not use"),
        ("sqlite+nonsense:///s.db", "a driver that gdbench does not use"),
        ("sqlite+pysqlcipher://:secret@/s.db", "a driver that gdbench does not use"),
        ("sqlite:///s.db?timeout=abc", "an option with a wrong value"),
        ("pipe", "a device or a pipe"),
        ("/dev/null", "a device or a pipe"),
        ("/dev/zero", "a device or a pipe"),
    ],
)
def test_what_no_database_can_be_is_refused_in_a_sentence(location, words):
    os.mkfifo("pipe")
    with pytest.raises((UsageError, StoreError), match=words) as caught:
        Store(location)
    assert caught.value.exit_code == 2 and "secret" not in str(caught.value)
