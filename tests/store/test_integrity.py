"""What is stored and exported is compared with its hash whenever it is read, and what differs is said."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reliability.planted import plant

import gdbench
from gdbench.cli import main
from gdbench.errors import DamagedError, StoreError, UsageError
from gdbench.results.export import export, sealed
from gdbench.store import Store
from gdbench.store.integrity import trial_hashes
from gdbench.store.reading import TRIAL_COLUMNS
from gdbench.store.schema import ADDED

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "gdbench.db"
    return path, plant(path, trials=12)


@pytest.fixture
def store(whole, tmp_path):
    shutil.copy(whole[0], tmp_path / "gdbench.db")
    return tmp_path / "gdbench.db", whole[1]


def change(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return caught.value.code or 0, printed.out, printed.err


def of_latest(statement):
    """A statement about trial 3 of the latest run."""
    return f"{statement} WHERE trial = 3 AND run = (SELECT run FROM runs ORDER BY created DESC LIMIT 1)"


LATEST = " WHERE created = (SELECT max(created) FROM runs)"
CURVE = of_latest("UPDATE curves SET data = zeroblob(length(data))")
DAMAGE = {
    "a point of a curve": (CURVE, "trial 3"),
    "the names of a curve's columns": (
        of_latest("UPDATE curves SET columns = replace(columns, 'val', 'test')"),
        "trial 3",
    ),
    "a final loss": (of_latest("UPDATE trials SET val_loss = val_loss * 1.0000001"), "trial 3"),
    "a status": (of_latest("UPDATE trials SET status = 'diverged'"), "trial 3"),
    "a definition": (of_latest("UPDATE trials SET definition = replace(definition, 'sgd', 'lion')"), "trial 3"),
    "a number": (of_latest("UPDATE trials SET trial = 99"), "trial 99"),
    "a hash": (of_latest("UPDATE trials SET hash = NULL"), "trial 3"),
    "a trial that vanished": (of_latest("DELETE FROM trials"), "11 trials instead of 12"),
    "a timing": ("UPDATE timings SET seconds = seconds * 2 WHERE round = 3", "timings"),
    "a subject": ("UPDATE subjects SET jobs = 2 WHERE part = 'peak'", "timings"),
    "a target": ("""UPDATE runs SET target = '{"val_loss": [0.9]}'""" + LATEST, "its row in `runs`"),
    "a machine": (
        "UPDATE runs SET environment = replace(environment, 'a processor', 'another')" + LATEST,
        "its row in `runs`",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_not_as_it_was_written_is_not_shown(damage, store, capsys, tmp_path):
    path, (first, second) = store
    statement, words = DAMAGE[damage]
    change(path, statement)
    for name in ("trials", "curves", "targets", "timings", "environment"):
        with pytest.raises(DamagedError) as caught:
            getattr(gdbench.load(path), name)
        assert words in str(caught.value) and second in str(caught.value) and "\n" not in str(caught.value)
    place = ("--store", path, "--out", tmp_path)
    for command in (["show", "latest"], ["export"], ["compare", first], ["history"]):
        code, _, err = call(capsys, *command, *place)
        assert code == 3 and err.count("\n") == 1 and "damaged" in err, (command, err)
    assert not (tmp_path / second).exists()


def test_damaged_trials_are_left_out_on_demand_and_that_is_said(store, capsys, tmp_path):
    path, (_, second) = store
    change(path, CURVE)
    run = gdbench.load(path, damaged="skip")
    assert run.trials["trial"].tolist() == [n for n in range(12) if n != 3] == run.curves["trial"].unique().tolist()
    assert [f"trial 3 of run {second}" in notice for notice in run.notices] == [True]
    code, out, err = call(capsys, "show", "latest", "--store", path, "--skip-damaged")
    assert code == 0 and "Planted" in out and f"left out: trial 3 of run {second}" in err
    with pytest.raises(UsageError, match="neither"):
        gdbench.load(path, damaged="read")


def test_doctor_checks_all_that_a_store_holds(store, capsys, monkeypatch):
    path, (first, second) = store
    code, out, err = call(capsys, "doctor", "--store", path)
    assert code == 0 and "2 runs, 24 trials read; 0 faults" in out and err == ""
    change(
        path,
        CURVE,
        f"UPDATE timings SET seconds = 2 * seconds WHERE run = '{first}'",
        "UPDATE notes SET text = 'all is well'",
        "INSERT INTO curves SELECT 'nobody', trial, columns, data FROM curves WHERE trial = 1 LIMIT 1",
    )
    code, out, _ = call(capsys, "doctor", "--store", "--out", path.parent, "--json")
    found = json.loads(out)
    assert code == 3 and found["runs"] == 2 and found["trials"] == 23 and found["unverified"] == []
    told = " ".join(found["damaged"])
    assert all(words in told for words in (f"trial 3 of run {second}", f"run {first}", "note", "belong to no run"))
    monkeypatch.chdir(path.parent)
    for arguments in ([f"--store={path}"], ["--store=gdbench.db", "--json"], ["--json", "--store", "gdbench.db"]):
        code, out, _ = call(capsys, "doctor", *arguments)
        assert code == 3 and "belong to no run" in out, arguments
    for arguments in (["--store", "no.db"], ["--store=no.db"], ["no.db"], ["--store=a", "b"], ["--store="]):
        code, out, err = call(capsys, "doctor", *arguments)
        assert code == 2 and out == "" and err.count("\n") == 1, arguments


def test_a_run_beside_a_damaged_one_is_read_and_the_damaged_one_removed(store, capsys, tmp_path):
    path, (first, second) = store
    change(path, f"UPDATE runs SET trials = 13 WHERE run = '{second}'")
    assert len(gdbench.load(path, first).trials) == 12
    with pytest.raises(DamagedError, match=second):
        gdbench.load(path)  # which is the latest?
    assert gdbench.load(path, damaged="skip").id == first
    code, out, _ = call(capsys, "list", "runs", "--store", path)
    assert code == 0 and "damaged" in out
    assert call(capsys, "remove", second, "--store", path, "--out", tmp_path)[0] == 0
    assert gdbench.load(path).id == first


def test_a_run_that_vanished_is_missed(store):
    path, (_, second) = store
    change(path, f"DELETE FROM runs WHERE run = '{second}'")
    with pytest.raises(DamagedError, match="1 runs instead of 2"):
        gdbench.load(path)


def test_words_may_change(store):
    path, _ = store
    change(path, "UPDATE runs SET title = 'Other', description = 'words'")
    assert gdbench.load(path).about["title"] == "Other" and gdbench.load(path).notices == []


@pytest.mark.parametrize(
    "definition", ['{"problem', "{}", "[]", '{"problem": 3}', '{"problem": {"dataset": 3}}', "\x00"]
)
def test_history_rests_on_no_definition_that_is_damaged(definition, store, capsys):
    path, (_, second) = store
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE trials SET definition = ? WHERE trial = 0 AND run = ?", (definition, second))
    code, _, err = call(capsys, "history", "--store", path)
    assert code in (2, 3) and err.count("\n") == 1 and f"trial 0 of run {second} is damaged" in err, err
    code, out, err = call(capsys, "history", "--store", path, "--skip-damaged")
    assert code == 0 and "2 runs" in out and f"trial 0 of run {second} is damaged" in err, err


@pytest.mark.parametrize(
    "statement",
    [
        of_latest("UPDATE trials SET steps = 'many'"),
        of_latest("UPDATE trials SET definition = '[[[['"),
        of_latest("UPDATE trials SET epochs = x'00ff'"),
        of_latest("UPDATE trials SET trial = char(27) || '[2J'"),
        of_latest("UPDATE trials SET run = run, status = char(10) || 'x'"),
        of_latest("UPDATE curves SET data = 'text'"),
        "UPDATE runs SET environment = 'no JSON'",
        "UPDATE runs SET created = 'yesterday'",
    ],
)
def test_odd_cells_are_told_in_a_sentence(statement, store, capsys):
    path, _ = store
    change(path, statement)
    with pytest.raises(StoreError) as raised:
        _ = gdbench.load(path).trials
    assert str(raised.value).isprintable()
    code, _, err = call(capsys, "show", "latest", "--store", path)
    assert code in (2, 3) and err.count("\n") == 1 and err.startswith("error: ")


def older(path):
    """The store as version 4 had it."""
    lacks = {
        "runs": ("uptime", "boot", "namespace", "token", "stored", "done", "timed", "hash"),
        "trials": ("hash",),
        "notes": ("hash",),
        "gdbench_schema": ("runs",),
    }
    change(path, *(f"ALTER TABLE {table} DROP COLUMN {column}" for table, names in lacks.items() for column in names))
    change(path, "UPDATE gdbench_schema SET version = 4")


def test_a_store_of_before_there_were_hashes_is_read_and_called_unverified_once(whole, store, capsys):
    path, (first, second) = store
    older(path)
    run = gdbench.load(path)
    assert run.trials.equals(gdbench.load(whole[0]).trials) and len(run.notices) == 1
    code, _, err = call(capsys, "show", "latest", "--store", path)
    assert code == 0 and err.count("unverified") == 1
    assert Store(path).notes() == {first: "note 0", second: "note 1"}
    change(path, CURVE)  # the digest was there before
    with pytest.raises(DamagedError, match="trial 3"):
        _ = gdbench.load(path).trials
    change(path, of_latest("UPDATE trials SET status = x'01'"))
    with pytest.raises(StoreError, match="its status holds"):
        _ = gdbench.load(path).trials


@pytest.mark.parametrize("odd", [b"\x0e", b"\n`", b"`", b"\x1b[31m", b"\xf4`"])
def test_what_sqlite_quotes_of_a_damaged_file_stays_in_one_line(odd, store, capsys):
    path, _ = store
    content = path.read_bytes()
    place = content.index(b"CREATE TABLE trials") + len(b"CREATE TABLE trials (")
    path.write_bytes(content[:place] + odd + content[place + len(odd) :])
    with pytest.raises(StoreError) as raised:
        _ = gdbench.load(path).trials
    assert str(raised.value).isprintable() and len(str(raised.value)) < 600
    code, _, err = call(capsys, "show", "latest", "--store", path)
    assert code == 2 and err.count("\n") == 1


@pytest.mark.parametrize("version", [4, 5])
def test_hashes_of_trials_as_they_were_once_are_still_read(version, store, capsys):
    path, _ = store
    columns = [column for column in TRIAL_COLUMNS if column.name not in ADDED[6]["trials"]]
    with closing(sqlite3.connect(path)) as connection, connection:
        for name in ADDED[6]["trials"]:
            connection.execute(f"UPDATE trials SET {name} = NULL")
        names = ", ".join(f"t.{column.name}" for column in columns)
        query = f"SELECT {names}, c.columns FROM trials t JOIN curves c USING (run, trial)"
        for cells in connection.execute(query).fetchall():
            hashed = hashlib.sha256(ascii(cells).encode()).hexdigest()
            if version == 5:
                *values, written = cells
                (hashed,) = trial_hashes({c: [value] for c, value in zip(columns, values, strict=True)}, [written])
            connection.execute("UPDATE trials SET hash = ? WHERE run = ? AND trial = ?", (hashed, *cells[:2]))
    targets = gdbench.load(path).targets
    assert len(targets) == 12  # of the evaluated points, since no crossings are stored
    assert len(gdbench.load(path).trials) == 12 and gdbench.load(path).notices == []
    change(path, of_latest("UPDATE trials SET status = 'diverged'"))
    with pytest.raises(DamagedError, match="trial 3"):
        _ = gdbench.load(path).trials


# ----------------------------------------------------------------------------------------------------- exports

EDITS = {
    "a number": lambda text: text.replace('"seed": [0', '"seed": [1', 1),
    "a fact": lambda text: text.replace('"state": "complete"', '"state": "running"', 1),
    "its hash": lambda text: text.replace('"hash": "', '"hash": "0', 1),
    "its end": lambda text: text[:-2] + " }\n",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_export_is_refused(edit, whole, tmp_path, capsys):
    path = export(gdbench.load(whole[0]).frames, tmp_path / "e.json", "json")
    path.write_text(EDITS[edit](path.read_text()))
    code, _, err = call(capsys, "show", path)
    assert code == 2 and "was changed since" in err and err.count("\n") == 1


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_edited_file_of_an_exported_folder_is_refused(form, whole, tmp_path):
    path = export(gdbench.load(whole[0]).frames, tmp_path / "e", form)
    data = bytearray((path / f"curves.{form}").read_bytes())
    data[len(data) // 2] ^= 1
    (path / f"curves.{form}").write_bytes(data)
    with pytest.raises(UsageError, match=f"curves.{form} was changed since"):
        gdbench.load(path)


def test_an_export_without_a_hash_is_unverified_and_checked_by_its_kinds(whole, tmp_path, capsys):
    path = export(gdbench.load(whole[0]).frames, tmp_path / "e.json", "json")
    document = json.loads(path.read_text())
    del document["hash"]
    path.write_text(json.dumps(document))
    assert "unverified" in gdbench.load(path).notices[0]
    for table, column, value in (
        ("trials", "steps", "x"),
        ("trials", "rule", 5),
        ("trials", "trial", 1),
        ("curves", "val_loss", []),
        ("curves", "step", document["curves"]["step"][1]),
        ("timings", "seconds", True),
        ("about", "run", "../x"),
        ("about", "created", 1e300),
        ("about", "target", {"val_loss": "x"}),
        ("about", "problems", {"iris": 5}),
        ("about", "hyperparameters", [5]),
        ("about", "hyperparameters", {}),
        ("about", "title", float("inf")),
        ("about", "anything", float("inf")),
        ("environment", "wall_seconds", "x"),
        ("environment", "cpu", {}),
        ("environment", "features", [5]),
        ("environment", "memory_gb", float("nan")),
    ):
        changed = json.loads(json.dumps(document))
        if table in ("about", "environment"):
            changed[table][column] = value
        else:
            changed[table][column][0] = value
        del changed["gdbench_export"]
        texts = [json.dumps({"gdbench_export": 1, **changed})]
        if "Infinity" not in texts[0] and "NaN" not in texts[0]:
            texts.append(sealed(changed))  # anybody can make a hash
        for text in texts:
            path.write_text(text)
            code, _, err = call(capsys, "show", path)
            assert code == 2 and err.count("\n") == 1 and "incomplete export" in err, (table, column, err)
    for table in ("trials", "curves", "targets", "timings", "subjects"):
        for column in document[table]:
            changed = json.loads(json.dumps(document))
            del changed[table][column]
            path.write_text(json.dumps(changed))
            told = call(capsys, "report", path, "--out", tmp_path)[2]
            assert "fault" not in told and "Traceback" not in told, (table, column, told)
    for text in ("[" * 100000, '{"gdbench_export": ' + "1" * 5000 + "}"):
        path.write_text(text)
        assert call(capsys, "show", path)[0] == 2


LABELS = ["True", "False", "1.0", "1", "nan", "NaN", "inf", "-inf", "None", "null", "NA", " a", 'say "a", b', "é漢😀"]
TEXTS = st.one_of(st.sampled_from(LABELS), st.text(st.characters(blacklist_categories=("Cs",)), min_size=1))


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
@settings(max_examples=25)  # each of which writes files
@given(labels=st.lists(TEXTS, min_size=12, max_size=12), error=TEXTS)
def test_texts_survive_every_format_as_they_are(form, labels, error, whole, tmp_path_factory):
    run = gdbench.load(whole[0])
    run.trials["rule"], run.trials["problem"] = labels, labels[::-1]
    run.trials["error"] = [error, *[None] * 11]
    folder = tmp_path_factory.mktemp("texts")
    back = gdbench.load(export(run.frames, folder / ("e.json" if form == "json" else "e"), form)).trials
    assert back["rule"].tolist() == labels and back["problem"].tolist() == labels[::-1]
    assert back["error"].tolist()[0] == error and back["error"].isna().sum() == 11
