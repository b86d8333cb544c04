"""What the answers of a data file are, by one set of rules for all formats, and what is said of them."""

import decimal
import gzip
import json
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import gdbench
from gdbench import suites
from gdbench.cli.app import app
from gdbench.data import loading
from gdbench.errors import UsageError

X = np.random.default_rng(0).normal(size=(12, 3))
LABELS = np.arange(12) % 3
ONE_HOT = np.eye(3)[LABELS]
CODES = {"u1": 0x08, "i1": 0x09, ">i4": 0x0C, ">f8": 0x0E}
FORMATS = ("csv", "parquet", "npz", "idx")


def idx(array):
    dtype = {"b": "u1", "u": "u1", "i": ">i4", "f": ">f8"}[array.dtype.kind]
    return struct.pack(f">HBB{array.ndim}I", 0, CODES[dtype], array.ndim, *array.shape) + array.astype(dtype).tobytes()


def save(form, y, folder, x=X, name="d"):
    """X and the answers in a file of that format, or a folder; what `dataset` takes."""
    columns = y.reshape(len(y), -1)
    names = ["y"] if columns.shape[1] == 1 else [f"y{j}" for j in range(columns.shape[1])]
    frame = pd.DataFrame(
        {**{f"x{j}": x[:, j] for j in range(x.shape[1])}, **{n: columns[:, j] for j, n in enumerate(names)}}
    )
    path = folder / f"{name}.{form}"
    if form == "csv":
        frame.to_csv(path, index=False)
    elif form == "parquet":
        frame.to_parquet(path, index=False)
    elif form == "npz":
        np.savez(path, X=x, y=y)
    else:
        path.mkdir(exist_ok=True)
        (path / "train-images-idx3-ubyte").write_bytes(idx(x.reshape(len(x), -1, 1)))
        (path / "train-labels-idx1-ubyte").write_bytes(idx(y))
    return {"file": str(path), **({"target": names} if form in ("csv", "parquet") else {})}


def load(given, folder):
    return loading.load(loading.resolve(given, folder))


# The answers, and what they are: labels by their numbers, or None for the targets of a regression.
ANSWERS = {
    "whole numbers": (LABELS, LABELS),
    "a column of whole numbers": (LABELS.reshape(-1, 1), LABELS),
    "small unsigned numbers in a column": (LABELS.astype("u1").reshape(-1, 1), LABELS),
    "booleans": (LABELS > 0, (LABELS > 0).astype(int)),
    "a column of booleans": ((LABELS > 0).reshape(-1, 1), (LABELS > 0).astype(int)),
    "whole one-hot rows": (ONE_HOT.astype(int), LABELS),
    "one-hot rows of floats, as Keras' to_categorical makes them": (ONE_HOT, LABELS),
    "booleans in one-hot rows": (ONE_HOT.astype(bool), LABELS),
    "two one-hot columns": (np.eye(2)[LABELS % 2], LABELS % 2),
    "floats": (X[:, 0], None),
    "a column of floats": (X[:, :1], None),
    "columns of floats": (X[:, :2], None),
    "columns of whole numbers": (np.column_stack([LABELS, LABELS + 5]), None),
    "text": (np.array(["setosa", "virginica", "versicolor"])[LABELS], np.array([0, 2, 1])[LABELS]),
    "a column of text": (np.array(["no", "yes"])[LABELS % 2].reshape(-1, 1), LABELS % 2),
    "text of whole numbers": (LABELS.astype(str), LABELS),
    "text of floats": (np.array(["0.5", "1.5"])[LABELS % 2], None),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_are_the_same_in_every_format(kind, form, tmp_path):
    y, labels = ANSWERS[kind]
    if form == "idx" and y.dtype.kind in "bU":
        y = LABELS  # which IDX files cannot hold otherwise
        labels = LABELS
    loaded = load(save(form, y, tmp_path), tmp_path)
    if labels is None:
        assert loaded.classes == 0
        np.testing.assert_array_equal(loaded.y, y.reshape(len(y), -1).astype(float))
    else:
        assert loaded.classes == labels.max() + 1
        np.testing.assert_array_equal(loaded.y, labels)


@pytest.mark.parametrize("form", ["csv", "parquet", "npz"])
@pytest.mark.parametrize(
    "kind", ["a column of whole numbers", "one-hot rows of floats, as Keras' to_categorical makes them"]
)
def test_the_task_overrides_what_columns_look_like(kind, form, tmp_path):
    y, _ = ANSWERS[kind]
    loaded = load({**save(form, y, tmp_path), "task": "regression"}, tmp_path)
    assert loaded.classes == 0
    np.testing.assert_array_equal(loaded.y, y)


# What is refused, in every format that can hold it, and words of the sentence.
REFUSED = {
    "a row of two ones": (np.vstack([ONE_HOT[:11], [1, 1, 0]]), ["has 2 ones in 3 columns", 'task = "regression"']),
    "a row without a one": (np.vstack([ONE_HOT[:11], [0, 0, 0]]), ["has 0 ones in 3 columns", "mend it"]),
    "a class without a sample": (np.eye(4)[LABELS], ["no sample of class 3;", "without gaps"]),
    "a gap": (LABELS * 2, ["no sample of class 1", "without gaps"]),
    "negative labels": (LABELS * 2 - 1, ["is -1", "labels must be 0, 1, 2, ...", 'task = "regression"']),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", REFUSED)
def test_answers_that_are_neither_are_refused_in_every_format(kind, form, tmp_path):
    y, words = REFUSED[kind]
    with pytest.raises(UsageError) as caught:
        load(save(form, y.astype(int), tmp_path), tmp_path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("form", ["csv", "parquet", "npz"])
def test_whole_numbers_beyond_int64_keep_their_value(form, tmp_path):
    y = np.uint64(2**63) + np.arange(12, dtype=np.uint64)
    given = save(form, y, tmp_path)
    np.testing.assert_array_equal(load({**given, "task": "regression"}, tmp_path).y[:, 0], y.astype(float))
    with pytest.raises(UsageError, match=r"is 9223372036854775808, but there is no sample of class 0"):
        load(given, tmp_path)


def test_labels_of_one_format_fit_those_of_another(tmp_path):
    save("npz", ONE_HOT, tmp_path, name="a")
    save("csv", LABELS[:7], tmp_path, x=X[:7], name="b")
    loaded = load({"train": "a.npz", "test": "b.csv"}, tmp_path)
    np.testing.assert_array_equal(loaded.test.y, LABELS[:7])
    save("npz", np.eye(4)[LABELS], tmp_path, name="c")
    with pytest.raises(UsageError, match=r"c\.npz has 4 targets a sample where .*a\.npz has 3"):
        load({"train": "a.npz", "test": "c.npz"}, tmp_path)


# ------------------------------------------------------------------------------------------------ types of one format


def test_parquet_types_are_numbers_and_texts_where_they_mean_them(tmp_path):
    table = pa.table(
        {
            "price": pa.array([decimal.Decimal("1.50"), decimal.Decimal("2.25")] * 3, pa.decimal128(9, 2)),
            "text": ["1", "2.5"] * 3,
            "count": pa.array([decimal.Decimal(7)] * 6, pa.decimal128(38, 0)),
            "y": pa.array([b"no", b"yes"] * 3, pa.binary()),
        }
    )
    pq.write_table(table, tmp_path / "d.parquet")
    loaded = load("d.parquet", tmp_path)
    np.testing.assert_array_equal(loaded.x[:2], [[1.5, 1, 7], [2.25, 2.5, 7]])
    assert loaded.names == ("no", "yes")
    pq.write_table(table.drop_columns("y"), tmp_path / "e.parquet")
    np.testing.assert_array_equal(load({"file": "e.parquet", "target": "price"}, tmp_path).y[:2, 0], [1.5, 2.25])


def test_text_of_bytes_is_utf8(tmp_path):
    np.savez(tmp_path / "d.npz", X=X, y=np.array(["é", "u"])[LABELS % 2].astype(object).astype("U").astype("U1"))
    assert load("d.npz", tmp_path).names == ("u", "é")
    np.savez(tmp_path / "s.npz", X=X, y=np.char.encode(np.array(["é", "u"])[LABELS % 2], "utf-8"))
    assert load("s.npz", tmp_path).names == ("u", "é")
    np.savez(tmp_path / "l.npz", X=X, y=np.char.encode(np.array(["é", "u"])[LABELS % 2], "latin-1"))
    with pytest.raises(UsageError, match="is not text in UTF-8"):
        load("l.npz", tmp_path)


@pytest.mark.parametrize("form", ["csv", "parquet", "npz"])
def test_text_has_no_spaces_around_it_in_any_format(form, tmp_path):
    y = np.array(["u ", " u", "v"])[LABELS]
    assert load(save(form, y, tmp_path), tmp_path).names == ("u", "v")
    with pytest.raises(UsageError, match=r"missing|empty text"):
        load(save(form, np.array(["u", "v", " "])[LABELS], tmp_path, name="e"), tmp_path)


def test_bytes_in_parquet_that_are_no_text_are_refused(tmp_path):
    pq.write_table(pa.table({"x": X[:3, 0], "y": [b"u", b"v", b"\xff"]}), tmp_path / "d.parquet")
    with pytest.raises(UsageError, match=r"row 3, column 'y', is b'\\xff', no text in UTF-8"):
        load("d.parquet", tmp_path)


def test_long_doubles_beyond_doubles_are_refused_as_infinite(tmp_path):
    beyond = np.full((12, 1), np.finfo(np.longdouble).max)
    np.savez(tmp_path / "d.npz", X=beyond, y=LABELS)
    with pytest.raises(UsageError, match=r"X\[0, 0\] is (inf|1\.79)"):
        load("d.npz", tmp_path)
    np.savez(tmp_path / "e.npz", X=X, y=beyond)
    with pytest.raises(UsageError, match=r"y\[0, 0\] is (inf|1\.79)"):
        load("e.npz", tmp_path)


def test_python_objects_are_never_read(tmp_path):
    np.savez(tmp_path / "d.npz", X=X, y=np.array(["u", "v"], object)[LABELS % 2])
    with pytest.raises(UsageError, match=r"y holds Python objects, .* save y\.astype\(str\)"):
        load("d.npz", tmp_path)


# --------------------------------------------------------------------------------------------------------- CSV's ways

DATA = "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,3.0,1.4,0.2,Iris-setosa\n6.0,2.0,1.0,0.3,Iris-virginica\n"
HEADLESS = {
    "a label at the end": (DATA, {}, "4 of 5 names are numbers"),
    "a label that is named as the target": (DATA, {"target": "Iris-setosa"}, "4 of 5 names are numbers"),
    "a label at the start": ("u,5.1,3.5\nv,1.5,2\n", {}, "2 of 3 names are numbers"),
    "one feature": ("1.5,u\n2.5,v\n", {"target": "u"}, "1 of 2 names are numbers"),
    "the same number twice": ("0,0,u\n0,1,v\n", {}, "2 of 3 names are numbers"),
    "numbers that count up": ("0,1,u\n1,1,v\n0,0,u\n", {"target": "u"}, "'u' stands in its column again"),
    "whole numbers that count": ("5,6,u\n1,2,v\n3,4,w\n", {"target": "u"}, "2 of 3 names are numbers"),
    "a single whole number": ("5,u\n1,v\n3,w\n", {"target": "u"}, "1 of 2 names are numbers"),
    "a missing value": ("nan,1.5,u\n1,2,v\n", {}, "2 of 3 names are numbers"),
}


@pytest.mark.parametrize("case", HEADLESS)
def test_a_first_line_that_is_a_sample_is_not_lost(case, tmp_path):
    text, options, words = HEADLESS[case]
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(UsageError) as caught:
        load({"file": "d.csv", **options}, tmp_path)
    assert "line 1 looks like data" in str(caught.value) and words in str(caught.value)
    assert "put a header above it" in str(caught.value)


@pytest.mark.parametrize("header", ["0,1,2,y", "2019,2020,2021,y", "a,1,2.5,y,b", "1,y"])
def test_columns_may_be_called_by_numbers(header, tmp_path):
    count = header.count(",")
    row = ",".join("0.5" for _ in range(count))
    names = header.split(",")
    place = names.index("y")
    rows = [",".join([*row.split(",")[:place], label, *row.split(",")[place:]]) for label in "0110"]
    (tmp_path / "d.csv").write_text("\n".join([header, *rows]))
    assert load("d.csv", tmp_path).x.shape == (4, count)


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
@pytest.mark.parametrize("header", ['"a";"b c";"y"', "a;b c;y", '\ufeff"a";"b, c";"y"', '"a";b;"y"', '\n"a";"b";"y"'])
def test_another_mark_than_the_comma_is_named(header, mark, name, tmp_path):
    text = f"{header}\n1,5;2;0\n3;4,5;1\n".replace(";", mark)
    (tmp_path / "d.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=rf"{name} separate its columns; .* separated by commas"):
        load("d.csv", tmp_path)


def test_byte_order_marks_are_no_text(tmp_path):
    for name, text in (
        ("a", '\ufeff"a",y\n1,0\n2,1\n'),
        ("b", "\ufeff\ufeffa,y\n1,0\n2,1\n"),
        ("c", "\ufeffy,a\n0,1\n1,2\n"),
    ):
        for pack in (bytes, gzip.compress):
            (tmp_path / f"{name}.csv").write_bytes(pack(text.encode()))
            assert load(f"{name}.csv", tmp_path).columns == ("a",)


def test_a_gzipped_file_is_read_by_any_name(tmp_path):
    (tmp_path / "d.csv").write_bytes(gzip.compress(b"a,y\n1,0\n2,1\n"))
    assert load("d.csv", tmp_path).x.shape == (2, 1)
    save("idx", LABELS, tmp_path)
    images = tmp_path / "d.idx" / "train-images-idx3-ubyte"
    images.write_bytes(gzip.compress(images.read_bytes()))
    np.testing.assert_array_equal(load("d.idx", tmp_path).x, X)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04\x14\0", "is no CSV file but a ZIP archive, as Excel's files are"),
        (b"PAR1\x15\x04", "is no CSV file but a Parquet file"),
        (b"BZh91AY", "packed by bzip2"),
        ("a,y\n1,0\n".encode("utf-16-le"), "holds a zero byte, as text in UTF-16 does"),
        (b"a,y\n1,0\0\n", "line 2, holds a zero byte"),
    ],
)
def test_another_kind_of_file_called_csv_is_named(content, words, tmp_path):
    (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        load("d.csv", tmp_path)


def test_what_is_shown_of_a_file_is_short_and_on_one_line(tmp_path):
    long, odd = "x" * 100_000, '"new\nline\x1b[31m"'
    for text in (
        f"a,y\n{long},0\n",
        f"{long},y\n1,0\nu,1\n",
        f"{odd},z\n1,0\n",
        f"a,y\n1,u\n2,{odd}\n3,4\n",
        f"{long},z\n1,0\n",
    ):
        (tmp_path / "d.csv").write_text(text)
        with pytest.raises(UsageError) as caught:
            load("d.csv", tmp_path)
        message = str(caught.value)
        assert len(message) < 400 + len(str(tmp_path)) and message.isprintable()


# ------------------------------------------------------------------------------------------------- what is said of it


@pytest.mark.usefixtures("no_pictures")
def test_what_is_read_is_said_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("npz", np.array(["u", "v"])[LABELS % 2].reshape(-1, 1), tmp_path)
    save("csv", X[:, 0], tmp_path, name="r")
    (tmp_path / "s.toml").write_text(
        "seeds = 1\ntune_seeds = 0\nbatch_size = 2\nbudget = {epochs = 1}\nrule.sgd.lr = 0.1\n"
        'problem.p = {kind = "mlp", dataset = "d.npz", hidden = [[2], [3]]}\n'
        'problem.r = {kind = "mlp", dataset = {file = "r.csv", task = "regression"}}\n'
        'problem.i = {kind = "mlp", dataset = "iris"}\n'
    )
    labels = "d.npz: 12 samples, 3 features, classification with 2 classes (u, v)"  # texts can be nothing else
    targets = "r.csv: 12 samples, 3 features, regression on 1 target"
    assert suites.load("s.toml").notices == [labels, targets]
    call = CliRunner().invoke
    assert [line for line in call(app, ["run", "s.toml", "--dry-run"]).stdout.splitlines() if "12 samples" in line] == [
        labels,
        targets,
    ]
    assert json.loads(call(app, ["run", "s.toml", "--dry-run", "--json"]).stdout)[0]["data"] == [labels, targets]
    done = call(app, ["run", "s.toml", "--no-time"])
    assert done.stderr.count(labels) == done.stderr.count(targets) == 1
    assert gdbench.load().environment["data"] == [labels, targets]
