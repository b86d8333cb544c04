"""Data sets from files: CSV, Parquet, NPZ and IDX, one to split or one to train and one to test on."""

import builtins
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_idx import idx_folder

import gdbench
from gdbench import suites
from gdbench.data import loading
from gdbench.data.formats import FORMATS, format_of
from gdbench.data.splitting import split
from gdbench.errors import UsageError

SPLIT = {"validation_fraction": 0.25, "test_fraction": 0.25, "scale": "standard", "subset": None}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
LABELS = np.arange(40) % 3
NAMES = np.array(["setosa", "virginica", "versicolor"])


def load(given, folder):
    return loading.load(loading.resolve(given, folder))


def frame(y, x=X):
    return pd.DataFrame({**{f"x{j}": column for j, column in enumerate(x.T)}, "y": y})


def write(table, path):
    """A frame as CSV, which keeps every bit of a float, or as Parquet or NPZ."""
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".npz":
        np.savez(path, X=table.drop(columns="y").to_numpy(), y=table["y"].to_numpy())
    else:
        table.to_csv(path, index=False, float_format=lambda value: repr(float(value)))
    return path.name


ENDINGS = ("csv", "csv.gz", "parquet", "npz")


def test_every_format_is_told_in_the_readme_and_tried_here():
    endings = [ending for known in FORMATS for ending in known.endings]
    assert sorted(endings) == sorted(f".{ending}" for ending in ENDINGS)
    told = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").partition("## Data of your own")[2]
    assert all(f"`{ending}`" in told for ending in endings)
    for known in FORMATS:
        assert known.name in told and known.what and bool(known.endings) != bool(known.files)
        assert all(format_of(f"D{ending}") is format_of(f"D{ending.upper()}") is known for ending in known.endings)


@pytest.mark.parametrize("y", [LABELS, RNG.normal(size=40)], ids=["labels", "targets"])
def test_every_format_gives_the_same_arrays_and_trials(y, tmp_path):
    digests = set()
    for ending in ENDINGS:
        name = write(frame(y), tmp_path / f"d.{ending}")
        loaded = load(name, tmp_path)
        np.testing.assert_array_equal(loaded.x, X)
        np.testing.assert_array_equal(loaded.y.reshape(-1), y)
        assert loaded.classes == (3 if y is LABELS else 0)
        suite = {
            "seeds": 1,
            "tune_seeds": 0,
            "batch_size": 4,
            "budget": {"epochs": 2},
            "problem": {"d": {"kind": "mlp", "dataset": tmp_path / name, "hidden": [4]}},
            "rule": {"sgd": {"lr": 0.01}},
        }
        digests.add(gdbench.run(suite, store=tmp_path / f"{ending}.db").trials["digest"].item())
    assert len(digests) == 1


@pytest.mark.parametrize("ending", ["CSV", "CSV.GZ", "Parquet", "NPZ"])
def test_endings_may_be_in_any_case(ending, tmp_path):
    name = write(frame(LABELS), tmp_path / f"d.{ending.lower()}")
    (tmp_path / name).rename(tmp_path / f"D.{ending}")
    np.testing.assert_array_equal(load(f"D.{ending}", tmp_path).x, X)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_text_labels_are_numbered_in_sorted_order(ending, tmp_path):
    table = frame(LABELS).rename(columns={"y": "species"})
    table.insert(0, "kind", NAMES[LABELS])
    name = write(table.drop(columns="species"), tmp_path / f"d.{ending}")
    loaded = load({"file": name, "target": "kind"}, tmp_path)
    np.testing.assert_array_equal(loaded.y, np.array([0, 2, 1])[LABELS])
    np.testing.assert_array_equal(loaded.x, X)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_several_columns_are_targets(ending, tmp_path):
    name = write(frame(LABELS), tmp_path / f"d.{ending}")
    loaded = load({"file": name, "target": ["y", "x1"]}, tmp_path)
    assert loaded.classes == 0 and loaded.outputs == 2
    np.testing.assert_array_equal(loaded.y, np.column_stack([LABELS, X[:, 1]]))
    np.testing.assert_array_equal(loaded.x, X[:, [0, 2]])


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_task_overrides_the_guess(ending, tmp_path):
    whole = write(frame(LABELS), tmp_path / f"w.{ending}")
    assert load({"file": whole, "task": "regression"}, tmp_path).y.shape == (40, 1)
    floats = write(frame(LABELS.astype(float)), tmp_path / f"f.{ending}")
    assert load(floats, tmp_path).classes == 0
    assert load({"file": floats, "task": "classification"}, tmp_path).classes == 3


def test_csv_dialects_that_are_no_mistakes(tmp_path):
    text = '\ufeffa , "b, c",y\r\n\r\n 1, 2.5 ,"no ""x"""\r\n   \r\n-1e-3,+.5,yes\r\n'
    (tmp_path / "d.csv").write_text(text, encoding="utf-8", newline="")
    loaded = load("d.csv", tmp_path)
    np.testing.assert_array_equal(loaded.x, [[1, 2.5], [-1e-3, 0.5]])
    np.testing.assert_array_equal(loaded.y, [0, 1])


def test_parquet_columns_of_other_number_types(tmp_path):
    table = pd.DataFrame(
        {
            "a": pd.array([1, 2, 3], "Int64"),
            "b": np.array([0.1, 0.2, 0.3], np.float32),
            "c": [True, False, True],
            "d": pd.Categorical([7, 8, 7]),
            "y": pd.Categorical(["u", "v", "u"]),
        }
    )
    table.to_parquet(tmp_path / "d.parquet", index=False)
    loaded = load("d.parquet", tmp_path)
    np.testing.assert_array_equal(
        loaded.x, [[1, np.float32(0.1), 1, 7], [2, np.float32(0.2), 0, 8], [3, np.float32(0.3), 1, 7]]
    )
    np.testing.assert_array_equal(loaded.y, [0, 1, 0])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_may_begin_at_1(ending, tmp_path):
    loaded = load(write(frame(LABELS + 1), tmp_path / f"d.{ending}"), tmp_path)
    np.testing.assert_array_equal(loaded.y, LABELS)
    assert loaded.names == ("1", "2", "3")


@pytest.mark.parametrize("words", [("true", "false"), ("TRUE", "FALSE"), ("True", "False")])
def test_booleans_are_numbers(words, tmp_path):
    yes, no = words
    (tmp_path / "d.csv").write_text(f"a,b,y\n1,{yes},{no}\n2, {no},{yes}\n.5,1,{yes}\n")
    loaded = load("d.csv", tmp_path)
    np.testing.assert_array_equal(loaded.x, [[1, 1], [2, 0], [0.5, 1]])
    np.testing.assert_array_equal(loaded.y, [0, 1, 1])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_texts_are_encoded_when_asked(ending, tmp_path):
    table = pd.DataFrame(
        {"a": [1.5, 2.5, 3.5], "colour": ["red", "blue", "red"], "on": [True, False, True], "y": [0, 1, 0]}
    )
    options = {"file": write(table, tmp_path / f"d.{ending}"), "encode": "onehot"}
    loaded = load(options, tmp_path)
    assert loaded.columns == ("a", "colour=blue", "colour=red", "on")
    np.testing.assert_array_equal(loaded.x, [[1.5, 0, 1, 1], [2.5, 1, 0, 0], [3.5, 0, 1, 1]])


def test_a_test_file_may_lack_a_text_but_have_no_other(tmp_path):
    (tmp_path / "a.csv").write_text("c,a,y\nred,1,0\nblue,2,1\nred,3,1\n")
    (tmp_path / "b.csv").write_text("a,c,y\n7,red,1\n")
    both = {"train": "a.csv", "test": "b.csv", "encode": "onehot"}
    loaded = load(both, tmp_path)
    np.testing.assert_array_equal(loaded.test.x, [[0, 1, 7]])
    (tmp_path / "b.csv").write_text("a,c,y\n7,green,1\n")
    with pytest.raises(UsageError, match=r"b\.csv has a column 'c=green', which .*a\.csv does not have"):
        load(both, tmp_path)


ENCODED = {
    "missing": ("a,y\nu,0\n,1\n", ["line 3 (row 2)", "is missing"]),
    "a word among numbers": ("a,y\n1,0\n2,1\nNA,1\n", ["line 4 (row 3)", "'NA'", "as most of its column"]),
    "too many": ("a,y\n" + "".join(f"t{i},{i % 2}\n" for i in range(1001)), ["1,001 different texts", "leave it out"]),
    "a name twice": ("a,a=u,y\nu,1,0\nv,2,1\n", ["column 'a=u'", "rename one"]),
}


@pytest.mark.parametrize("mistake", ENCODED)
def test_what_cannot_be_encoded_is_refused(mistake, tmp_path):
    text, words = ENCODED[mistake]
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(UsageError) as caught:
        load({"file": "d.csv", "encode": "onehot"}, tmp_path)
    for word in ["d.csv", *words]:
        assert word in str(caught.value)


def test_only_onehot_is_known_and_only_for_columns(tmp_path):
    (tmp_path / "d.csv").write_text("a,y\nu,0\nv,1\n")
    with pytest.raises(UsageError, match=r'encode = .ordinal. must be "onehot"'):
        load({"file": "d.csv", "encode": "ordinal"}, tmp_path)
    np.savez(tmp_path / "d.npz", X=X, y=LABELS)
    with pytest.raises(UsageError, match=r"encode = .onehot. is for columns, and .*d\.npz has none"):
        load({"file": "d.npz", "encode": "onehot"}, tmp_path)


# ------------------------------------------------------------------------------------------------- mistakes in a file

HEAD = "a,b,y\n1,2,0\n3,4,1\n"
# Bytes of d.csv (or its text), options beside the file, and what the sentence must hold: the place and the remedy.
BAD_CSV = {
    "empty": ("", {}, ["is empty", "header"]),
    "blank lines": ("\n  \n", {}, ["is empty", "header"]),
    "header alone": ("a,b,y\n", {}, ["no rows", "add a row"]),
    "no header": ("1,2,0\n3,4,1\n", {}, ["line 1", "numbers alone", "put a header"]),
    "one column": ("y\n1\n2\n", {}, ["one column, 'y'", "separated by commas"]),
    "semicolons": ("a;b;y\n1;2;0\n", {}, ["one column, 'a;b;y'", "separated by commas"]),
    "text as a feature": (
        HEAD + "5,wide,0\n",
        {},
        ["line 4 (row 3)", "column 'b'", "'wide'", "must be a number, or encode"],
    ),
    "missing by another name": (HEAD + "NA,6,0\n", {}, ["line 4 (row 3)", "column 'a'", "'NA'", "must be a number"]),
    "underscore": (HEAD + "1_0,6,0\n", {}, ["line 4 (row 3)", "column 'a'", "'1_0'", "must be a number"]),
    "decimal comma": (HEAD + '"1,5",6,0\n', {}, ["line 4 (row 3)", "column 'a'", "'1,5'", "must be a number"]),
    "missing feature": (HEAD + "5,,0\n", {}, ["line 4 (row 3)", "column 'b'", "is missing", "fill it in"]),
    "blank feature": (HEAD + "5,  ,0\n", {}, ["line 4 (row 3)", "column 'b'", "is missing", "fill it in"]),
    "missing label": (HEAD + "5,6,\n", {}, ["line 4 (row 3)", "column 'y'", "is missing", "fill it in"]),
    "infinite": (HEAD + "5,-inf,0\n", {}, ["line 4 (row 3)", "column 'b'", "-inf", "finite"]),
    "not a number": (HEAD + "nan,6,0\n", {}, ["line 4 (row 3)", "column 'a'", "nan", "finite"]),
    "too great": (HEAD + "5,1e200,0\n", {}, ["line 4 (row 3)", "column 'b'", "1e+200", "below 1e100"]),
    "infinite target": ("a,y\n1,0.5\n2,inf\n", {}, ["line 3 (row 2)", "column 'y'", "inf", "finite"]),
    "lines past blanks": ('a,b,y\n\n1,"2\n",0\n\n3,x,1\n', {}, ["line 6 (row 2)", "column 'b'", "'x'"]),
    "too few fields": (HEAD + "5,6\n", {}, ["line 4", "2 fields", "header 3", "as many"]),
    "too many fields": (HEAD + "5,6,0,7\n", {}, ["line 4", "4 fields", "header 3", "as many"]),
    "always one field more": ("a,y\n1,2,0\n3,4,1\n", {}, ["line 2", "3 fields", "header 2", "as many"]),
    "open quote": (HEAD + '5,"6,0\n7,8,1\n', {}, ["line 4", "mend its quotes"]),
    "text after a quote": (HEAD + '5,"6"x,0\n', {}, ["line 4", "mend its quotes"]),
    "Latin-1": (b"a,b,y\n1,2,caf\xe9\n", {}, ["line 2", "UTF-8"]),
    "UTF-16": ("a,b,y\n1,2,0\n".encode("utf-16"), {}, ["line 1", "save the file in UTF-8"]),
    "twice a name": ("a,a,y\n1,2,0\n", {}, ["2 columns", "'a'", "its own"]),
    "no name": (",b,y\n0,2,0\n", {}, ["column 1 has no name", "leave the column out"]),
    "no y": ("a,b,z\n1,2,0\n", {}, ["no column 'y'", "target", "known: a, b, z"]),
    "no such target": (HEAD, {"target": "yy"}, ["no column 'yy'", "did you mean 'y'"]),
    "no such second target": (HEAD, {"target": ["y", "bb"]}, ["no column 'bb'", "did you mean 'b'"]),
    "nothing left": (HEAD, {"target": ["a", "b", "y"]}, ["leaves no column", "name fewer"]),
    "gap in labels": (
        "a,y\n1,0\n2,2\n3,5\n",
        {},
        ["line 3 (row 2)", "is 2", "class 1, 3, 4;", "without gaps", 'task = "regression"'],
    ),
    "labels from 2": ("a,y\n1,2\n2,3\n", {}, ["no sample of class 0, 1;", "without gaps"]),
    "many gaps": ("a,y\n1,0\n2,151\n", {}, ["class 1, 2, 3, 4, 5, ...;", "without gaps"]),
    "negative label": ("a,y\n1,0\n2,-1\n", {}, ["line 3 (row 2)", "-1", "labels must be 0, 1, 2"]),
    "one class": ("a,y\n1,u\n2,u\n", {}, ["line 2 (row 1)", "'u'", "two classes"]),
    "one whole number": ("a,y\n1,0\n2,0\n", {}, ["no sample of class 1;", "without gaps"]),
    "a text among targets": ("a,y\n1,.5\n2,x\n3,.7\n", {}, ["line 3 (row 2)", "'x'", "text among numbers", "mend it"]),
    "a number among labels": ("a,y\n1,u\n2,v\n3,7\n", {}, ["line 4 (row 3)", "'7'", "number among texts", "mend it"]),
    "text to regress on": (
        "a,y\n1,u\n2,v\n",
        {"task": "regression"},
        ["line 2 (row 1)", "'u'", "a regression needs numbers"],
    ),
    "floats as labels": (
        "a,y\n1,0.0\n2,1.5\n",
        {"task": "classification"},
        ["line 3 (row 2)", "1.5", "a label is a whole number or text"],
    ),
    "several columns of labels": (HEAD, {"target": ["a", "y"], "task": "classification"}, ["2 targets", "one column"]),
    "text in several targets": ("a,b,y\n1,2,u\n", {"target": ["b", "y"]}, ["line 2 (row 1)", "column 'y'", "'u'"]),
}


@pytest.mark.parametrize("mistake", BAD_CSV)
def test_a_wrong_csv_file_says_what_and_where(mistake, tmp_path):
    content, options, words = BAD_CSV[mistake]
    for name, pack in (("d.csv", bytes), ("d.csv.gz", gzip.compress)):
        (tmp_path / name).write_bytes(pack(content if isinstance(content, bytes) else content.encode()))
        with pytest.raises(UsageError) as caught:
            load({"file": name, **options}, tmp_path)
        message = str(caught.value)
        assert name in message and "\n" not in message
        for word in words:
            assert word in message


def test_a_gzipped_file_that_is_none_or_cut_is_refused(tmp_path):
    (tmp_path / "d.csv.gz").write_text(HEAD)
    with pytest.raises(UsageError, match=r"d\.csv\.gz cannot be read"):
        load("d.csv.gz", tmp_path)
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(HEAD.encode() * 50)[:-20])
    with pytest.raises(UsageError, match=r"d\.csv\.gz cannot be read"):
        load("d.csv.gz", tmp_path)


BAD_PARQUET = {
    "text": ({"a": ["u", "v"], "y": [0, 1]}, ["row 1", "column 'a'", "'u'", "must be a number, or encode"]),
    "missing": ({"a": [1.0, None], "y": [0, 1]}, ["row 2", "column 'a'", "missing", "fill it in"]),
    "missing label": ({"a": [1.0, 2.0], "y": ["u", None]}, ["row 2", "column 'y'", "missing", "fill it in"]),
    "infinite": ({"a": [1.0, np.inf], "y": [0, 1]}, ["row 2", "column 'a'", "inf", "finite"]),
    "dates as labels": ({"a": [1.0], "y": [pd.Timestamp(0)]}, ["row 1", "column 'y'", "a number or text"]),
    "no rows": ({"a": [], "y": []}, ["no rows", "add a row"]),
    "no y": ({"a": [1], "z": [1]}, ["no column 'y'", "known: a, z"]),
    "gap": ({"a": [1, 2], "y": [0, 2]}, ["class 1;", "without gaps"]),
}


@pytest.mark.parametrize("mistake", BAD_PARQUET)
def test_a_wrong_parquet_file_says_what_and_where(mistake, tmp_path):
    columns, words = BAD_PARQUET[mistake]
    pd.DataFrame(columns).to_parquet(tmp_path / "d.parquet")
    with pytest.raises(UsageError) as caught:
        load("d.parquet", tmp_path)
    for word in ["d.parquet", *words]:
        assert word in str(caught.value)


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "d.parquet").write_text(HEAD)
    with pytest.raises(UsageError, match=r"d\.parquet cannot be read as a Parquet file"):
        load("d.parquet", tmp_path)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    name = write(frame(LABELS), tmp_path / "d.parquet")
    real = builtins.__import__

    def without(module, *args, **kwargs):
        if module.partition(".")[0] == "pyarrow":
            raise ImportError("No module named 'pyarrow'")
        return real(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for module in [m for m in sys.modules if m.partition(".")[0] == "pyarrow" or m == "pandas.io.parquet"]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(UsageError, match=r"d\.parquet.* needs pyarrow.* pip install pyarrow"):
        load(name, tmp_path)


# ------------------------------------------------------------------------------------------- what a suite says of files

BAD_TABLES = {
    "no such file": ("nowhere.csv", ["nowhere.csv", "does not exist"]),
    "a path that no system has": ("x" * 5000 + ".csv", ["has 5,004 bytes; use at most 4,095"]),
    "no such folder": ("nowhere/", ["nowhere", "does not exist"]),
    "another kind": ("d.xlsx", ["d.xlsx", "not a CSV, Parquet or NPZ file", ".csv"]),
    "gzipped NPZ": ("d.npz.gz", ["d.npz.gz", "only CSV", "unpack it"]),
    "a folder without data": ("empty", ["empty", "train-images-idx3-ubyte", "give a folder with"]),
    "a folder called CSV": ("folder.csv", ["folder.csv", "is a folder", "path of one file"]),
    "unknown home": ("~nobody-here/d.csv", ["~nobody-here", "not known here"]),
    "unknown option": ({"file": "d.csv", "targt": "y"}, ["'targt'", "did you mean 'target'"]),
    "unknown task": ({"file": "d.csv", "task": "regresion"}, ["'regresion'", "did you mean 'regression'"]),
    "target of an NPZ file": ({"file": "d.npz", "target": "y"}, ["target = 'y'", "d.npz", "leave target out"]),
    "target as a number": ({"file": "d.csv", "target": 3}, ["target = 3", "a column's name"]),
    "no target": ({"file": "d.csv", "target": []}, ["target = []", "a column's name"]),
    "a target twice": ({"file": "d.csv", "target": ["y", "y"]}, ["'y' twice", "once"]),
    "train alone": ({"train": "d.csv"}, ["train and test"]),
    "file and test": ({"file": "d.csv", "test": "d.csv"}, ["file alone, or train and test"]),
    "nothing": ({}, ["nothing", "name, file, or train and test"]),
    "another key": ({"path": "d.csv"}, ["path", "name, file, or train and test"]),
    "a path of a wrong type": ({"file": 3}, ["file = 3", "must be a path"]),
    "an empty path": ({"file": ""}, ["file = ''", "must be a path"]),
    "a folder to test on": ({"train": "d.csv", "test": "empty"}, ["test = 'empty'", "is a folder", "give a file"]),
    "a shipped name with options": ({"name": "iris", "target": "y"}, ["'iris' takes no options", "write dataset"]),
    "an unknown name with options": ({"name": "irs", "target": "y"}, ["'irs'", "did you mean 'iris'"]),
}


@pytest.mark.parametrize("mistake", BAD_TABLES)
def test_a_wrong_table_says_what_is_right(mistake, tmp_path):
    given, words = BAD_TABLES[mistake]
    (tmp_path / "d.csv").write_text(HEAD)
    np.savez(tmp_path / "d.npz", X=X, y=LABELS)
    for name in ("d.xlsx", "d.npz.gz"):
        (tmp_path / name).write_bytes(b"PK")
    for name in ("empty", "folder.csv"):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError) as caught:
        load(given, tmp_path)
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    (tmp_path / "d.csv").write_text(HEAD)

    def refuse(*args, **kwargs):  # permissions do not bind root, who runs many a CI job
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match=r"d\.csv cannot be read \(Permission denied\)"):
        loading.resolve("d.csv", tmp_path)


def test_a_file_that_changes_under_a_run_is_refused(tmp_path):
    (tmp_path / "d.csv").write_text(HEAD)
    resolved = loading.resolve("d.csv", tmp_path)
    (tmp_path / "d.csv").write_text(HEAD + "5,6,1\n")
    with pytest.raises(UsageError, match="changed while it was in use"):
        loading.load(resolved)


def test_keys_depend_on_contents_and_options_and_not_on_places(tmp_path, monkeypatch):
    def keys(dataset, folder="."):
        problem = {"kind": "mlp", "dataset": dataset, "hidden": [2]}
        table = {"batch_size": 4, "problem": {"p": problem}, "rule": {"sgd": {}}}
        monkeypatch.chdir(tmp_path / folder)  # a dict's paths are taken from there
        return {t.key for t in suites.load(table).first_trials()}

    (tmp_path / "there").mkdir()
    for folder, name in ((".", "a.csv"), ("there", "b.csv")):
        write(frame(LABELS), tmp_path / folder / name)
        idx_folder(tmp_path / folder / f"idx-{name[0]}", test=True)
    base = keys("a.csv")
    assert keys("b.csv", "there") == keys(str(tmp_path / "a.csv")) == keys({"file": "a.csv", "target": ["y"]}) == base
    assert keys({"file": "a.csv", "task": "regression"}).isdisjoint(base)
    pair = keys({"train": "a.csv", "test": "there/b.csv"})
    assert keys({"train": "there/b.csv", "test": "a.csv"}) == pair and pair.isdisjoint(base)
    assert keys("idx-a") == keys("idx-b/", "there")


def test_a_problem_is_made_of_a_path_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(frame(LABELS), tmp_path / "d.csv")
    idx_folder(tmp_path / "mnist")
    assert gdbench.problem("d.csv").size == gdbench.problem(tmp_path / "d.csv").size == (3 + 1) * 32 + 33 * 3
    assert gdbench.problem("mnist").size == (6 + 1) * 32 + 33 * 3
    monkeypatch.setenv("HOME", str(tmp_path))
    assert gdbench.problem("~/d.csv").n == 28
    with pytest.raises(UsageError, match="does not exist"):
        gdbench.problem("e.csv")


# --------------------------------------------------------------------------------------------- a test file of its own

OTHER = RNG.normal(size=(7, 3))


@pytest.mark.parametrize("train", ENDINGS)
@pytest.mark.parametrize("test", ENDINGS)
def test_the_test_file_is_the_test_split(train, test, tmp_path):
    y = np.array([2, 0, 1, 1, 0, 2, 2])
    given = {
        "train": write(frame(LABELS), tmp_path / f"a.{train}"),
        "test": write(frame(y, OTHER), tmp_path / f"b.{test}"),
    }
    loaded = load(given, tmp_path)
    training, validation, tested = split(loaded, **{**SPLIT, "scale": "none"})
    np.testing.assert_array_equal(tested.x, OTHER)
    np.testing.assert_array_equal(tested.y, y)
    assert len(training.x) == 30 and len(validation.x) == 10
    assert sorted(map(bytes, np.vstack([training.x, validation.x]))) == sorted(map(bytes, X))
    few = split(loaded, **{**SPLIT, "subset": 12})
    assert [len(part.x) for part in few] == [9, 3, 7]


def test_the_test_file_is_scaled_by_the_training_split(tmp_path):
    write(frame(LABELS), tmp_path / "a.csv")
    write(frame(LABELS[:7], OTHER), tmp_path / "b.csv")
    loaded = load({"train": "a.csv", "test": "b.csv"}, tmp_path)
    for scale in ("standard", "minmax"):
        raw, *_ = split(loaded, **{**SPLIT, "scale": "none"})
        tested = split(loaded, **{**SPLIT, "scale": scale})[2]
        low, width = (raw.x.mean(0), raw.x.std(0)) if scale == "standard" else (raw.x.min(0), np.ptp(raw.x, axis=0))
        np.testing.assert_allclose(tested.x, (OTHER - low) / width, rtol=1e-12)


def test_columns_and_labels_are_those_of_the_training_file(tmp_path):
    write(frame(NAMES[LABELS]), tmp_path / "a.csv")
    other = frame(["versicolor"] * 7, OTHER)
    write(other[["y", "x2", "x0", "x1"]], tmp_path / "b.parquet")
    loaded = load({"train": "a.csv", "test": "b.parquet"}, tmp_path)
    np.testing.assert_array_equal(loaded.test.x, OTHER)
    np.testing.assert_array_equal(loaded.test.y, [1] * 7)
    assert loaded.classes == 3


def test_a_test_file_of_whole_targets_belongs_to_the_same_regression(tmp_path):
    write(frame(X[:, 0]), tmp_path / "a.csv")
    write(frame(np.arange(7), OTHER), tmp_path / "b.csv")
    loaded = load({"train": "a.csv", "test": "b.csv"}, tmp_path)
    np.testing.assert_array_equal(loaded.test.y, np.arange(7.0).reshape(-1, 1))


BAD_PAIRS = {
    "unknown text": ("a,y\n1,u\n2,v\n", "a,y\n1,u\n2,w\n", ["b.csv", "line 3 (row 2)", "'w'", "which has u, v"]),
    "unknown number": ("a,y\n1,0\n2,1\n", "a,y\n1,2\n", ["b.csv", "line 2 (row 1)", "is 2,", "which has 0, 1"]),
    "missing column": ("ab,c,y\n1,2,0\n3,4,1\n", "abc,c,y\n1,2,0\n", ["b.csv", "no column 'ab'", "did you mean 'abc'"]),
    "more columns": ("a,y\n1,0\n2,1\n", "a,c,y\n1,2,0\n", ["b.csv", "column 'c'", "leave it out"]),
    "no target": ("a,y\n1,0\n2,1\n", "a,z\n1,0\n", ["b.csv", "no column 'y'", "known: a, z"]),
    "text for targets": ("a,y\n1,.5\n2,1.5\n", "a,y\n1,2\n3,w\n", ["b.csv", "line 3 (row 2)", "'w'", "needs numbers"]),
    "floats for labels": (
        "a,y\n1,0\n2,1\n",
        "a,y\n1,0.5\n",
        ["b.csv", "line 2 (row 1)", "0.5", "whole number or text"],
    ),
}


@pytest.mark.parametrize("mistake", BAD_PAIRS)
def test_a_test_file_that_does_not_fit_says_where(mistake, tmp_path):
    train, test, words = BAD_PAIRS[mistake]
    (tmp_path / "a.csv").write_text(train)
    (tmp_path / "b.csv").write_text(test)
    with pytest.raises(UsageError) as caught:
        load({"train": "a.csv", "test": "b.csv"}, tmp_path)
    for word in words:
        assert word in str(caught.value)


def test_arrays_that_do_not_fit_say_so(tmp_path):
    write(frame(LABELS), tmp_path / "a.npz")
    write(frame(LABELS[:7], OTHER[:, :2]), tmp_path / "b.npz")
    with pytest.raises(UsageError, match=r"b\.npz has 2 features where .*a\.npz has 3"):
        load({"train": "a.npz", "test": "b.npz"}, tmp_path)
    np.savez(tmp_path / "c.npz", X=X, y=X[:, :2])
    np.savez(tmp_path / "d.npz", X=OTHER, y=OTHER)
    with pytest.raises(UsageError, match=r"d\.npz has 3 targets a sample where .*c\.npz has 2"):
        load({"train": "c.npz", "test": "d.npz"}, tmp_path)


def test_a_test_file_sets_the_test_fraction_to_0(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(frame(LABELS), tmp_path / "a.csv")
    write(frame(LABELS[:7], OTHER), tmp_path / "b.csv")
    problem = {"kind": "mlp", "dataset": {"train": "a.csv", "test": "b.csv"}, "hidden": [2], "validation_fraction": 0.1}
    suite = {"seeds": 1, "tune_seeds": 0, "budget": {"epochs": 1}, "batch_size": 4, "rule": {"sgd": {"lr": 0.1}}}
    loaded = suites.load({**suite, "problem": {"p": problem}})
    assert loaded.problems["p"]["test_fraction"] == 0
    trials = gdbench.run({**suite, "problem": {"p": problem}}, store=tmp_path / "t.db").trials
    assert 0 <= trials["test_accuracy"].item() <= 1 and np.isfinite(trials["test_loss"].item())
    suites.load({**suite, "problem": {"p": {**problem, "test_fraction": 0}}})
    with pytest.raises(UsageError, match=r"problem\.p\.test_fraction = 0\.2 is of no use.* leave it out"):
        suites.load({**suite, "problem": {"p": {**problem, "test_fraction": 0.2}}})


def test_importing_gdbench_loads_no_reader_of_files():
    code = "import sys, gdbench; print([m for m in ('pandas', 'sklearn', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
