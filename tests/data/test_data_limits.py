"""Data that are more than anybody means are refused by what their headers say, before memory is taken for them."""

import gzip
import io
import os
import pickle
import resource
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gdbench import suites
from gdbench.data import limits, loading
from gdbench.errors import UsageError
from gdbench.inputs.limits import CLASSES


def load(given, folder):
    return loading.load(loading.resolve(given, folder))


def refused(given, folder):
    """The sentence with which it is refused, in under a second and without taking 300 MB."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(UsageError) as caught:
        load(given, folder)
    assert time.monotonic() - started < 5  # a second, on a machine that does nothing else
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)
    return str(caught.value)


def npy(shape, dtype="<f8", content=b"", descr=None):
    text = f"{{'descr': {descr or repr(dtype)}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + content


LABELS = npy((3,), "<i8", struct.pack("<3q", 0, 1, 2))
ROWS = npy((3, 1), content=bytes(24))


def npz(path, x=ROWS, y=LABELS, method=zipfile.ZIP_DEFLATED, **others):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in {"X": x, "y": y, **others}.items():
            archive.writestr(f"{name}.npy", content)


class Code:
    def __reduce__(self):
        return os.system, ("touch ran-code",)


ARRAYS = {
    "10^12 rows declared": ({"x": npy((10**12, 3))}, "fewer than 200,000,000 values"),
    "rows that are not there": (
        {"x": npy((10**7, 3), content=bytes(1000))},
        "1,000 bytes where its header says 240,000,000",
    ),
    "rows of nothing": ({"y": npy((10**12,), "<U0")}, "fewer than 200,000,000 values"),
    "more bytes than declared": ({"x": ROWS + bytes(8)}, "32 bytes where its header says 24"),
    "a negative size": ({"x": npy((-3, -1), content=bytes(24))}, "cannot be read as an NPZ file"),
    "too many features": ({"x": npy((1, 10**6 + 1), "|u1", bytes(10**6 + 1))}, "at most 1,000,000 are supported"),
    "a pickle": ({"x": npy((1,), "|O", pickle.dumps([Code()]))}, "holds Python objects"),
    "records": ({"x": npy((3, 1), descr="[('a', '<f8')]", content=bytes(24))}, "it must hold numbers"),
    "dates": ({"y": npy((3,), "<M8[s]", bytes(24))}, "it must hold whole numbers or text"),
    "a header that is code": ({"x": npy((3, 1), descr="__import__('os').system('touch ran-code')")}, "cannot be read"),
    "text beyond Unicode": ({"y": npy((3,), "<U1", b"\xff" * 12)}, "cannot be read as an NPZ file"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_of_an_npz_file_are_checked_by_their_headers(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays, words = ARRAYS[case]
    npz(tmp_path / "d.npz", **arrays)
    assert words in refused("d.npz", tmp_path)
    assert not (tmp_path / "ran-code").exists()


def test_an_npz_file_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("X.npy", "w") as file:
            file.write(npy((10**7, 1)))
            for _ in range(80):
                file.write(bytes(10**6))
        archive.writestr("y.npy", LABELS)
    assert "unpacks from" in refused("d.npz", tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_numpy_does_not_write_is_not_unpacked(method, tmp_path):
    npz(tmp_path / "d.npz", method=method)
    assert f"packed by method {method}" in refused("d.npz", tmp_path)


def test_archives_that_no_reader_takes_are_refused(tmp_path):
    np.save(tmp_path / "d.npy", np.ones((3, 1)))
    (tmp_path / "d.npy").rename(tmp_path / "bare.npz")
    assert "holds one array without a name" in refused("bare.npz", tmp_path)
    npz(tmp_path / "d.npz")
    whole = bytearray((tmp_path / "d.npz").read_bytes())
    entry = whole.find(b"PK\x01\x02")
    for name, place, value in (("encrypted", entry + 8, 1), ("method", entry + 10, 93), ("cut", -22, 0)):
        content = bytearray(whole)
        content[place] |= value
        (tmp_path / f"{name}.npz").write_bytes(content if name != "cut" else content[:-30])
        refused(f"{name}.npz", tmp_path)
    (tmp_path / "sum.npz").write_bytes(whole.replace(struct.pack("<3q", 0, 1, 2), struct.pack("<3q", 0, 1, 3)))
    np.savez(tmp_path / "crc.npz", X=np.arange(3.0).reshape(3, 1), y=np.arange(3))
    content = (tmp_path / "crc.npz").read_bytes().replace(struct.pack("<3d", 0, 1, 2), struct.pack("<3d", 0, 1, 9))
    (tmp_path / "crc.npz").write_bytes(content)
    assert "CRC" in refused("crc.npz", tmp_path)


def idx(shape, code=8, content=b""):
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + content


IMAGES = {
    "more values than are read": (idx((6000, 1000, 1000)), "fewer than 200,000,000 values"),
    "dimensions beyond memory": (idx((2**32 - 1,) * 255), "at most 100,000,000 are supported"),
    "numbers that are not there": (idx((100, 1000, 1000), 0x0E), "bytes of numbers where its header says"),
    "a gzipped file that is not what it says": (gzip.compress(idx((100, 1000, 1000))), "bytes of numbers where"),
    "a gzipped bomb": (gzip.compress(idx((190, 1000, 1000), content=bytes(190_000_000)), 1), "unpacks from"),
    "a gzipped bomb with more behind it": (
        gzip.compress(idx((1, 10, 10), content=bytes(10**8)), 1) + gzip.compress(b"0"),
        "unpacks from",
    ),
}


@pytest.mark.parametrize("case", IMAGES)
def test_idx_files_are_checked_by_their_headers(case, tmp_path):
    content, words = IMAGES[case]
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx((4,), content=b"\0\1\0\1"))
    assert words in refused(str(tmp_path), tmp_path)


def test_csv_files_are_read_up_to_a_limit(tmp_path, monkeypatch):
    for name, row in (("rows", b"1,1\n0,0\n" * 10**5), ("row", b"1," * 4 * 10**5)):
        packed = io.BytesIO()
        with gzip.open(packed, "wb", 1) as file:
            file.write(b"a,y\n")
            for _ in range(100):
                file.write(row)
        (tmp_path / f"{name}.csv.gz").write_bytes(packed.getvalue())
        assert "unpacks from" in refused(f"{name}.csv.gz", tmp_path)
        # A file that says that it is small is read to what is too much, and no further.
        (tmp_path / f"{name}.csv.gz").write_bytes(packed.getvalue() + gzip.compress(b"0"))
        assert "unpacks from" in refused(f"{name}.csv.gz", tmp_path)
    monkeypatch.setattr("gdbench.data.csv_files.ROW", 10_000)
    for name, content in (("wide", b"a," * 10_000), ("quoted", b"a,y\n" + b'"\n",' * 10_000)):
        (tmp_path / f"{name}.csv").write_bytes(content)
        assert "ends a row of more than 10,000 characters" in refused(f"{name}.csv", tmp_path)
    (tmp_path / "b.csv").write_bytes(b"a,y\n1,1\n" + b"\n" * 10**6)
    assert "line 100003, is blank, as 100,000 before it are" in refused("b.csv", tmp_path)
    monkeypatch.setattr("gdbench.data.csv_files.DATA_VALUES", 100)
    monkeypatch.setattr("gdbench.data.limits.DATA_VALUES", 100)
    (tmp_path / "d.csv").write_bytes(b"a,y\n" + b"1,1\n" * 200)
    assert "100 samples x 1 features, and fewer than 100 values" in refused("d.csv", tmp_path)
    monkeypatch.setattr("gdbench.data.csv_files.DATA_BYTES", 300)
    assert "more than 300 characters" in refused("d.csv", tmp_path)


def test_files_that_are_too_large_are_not_even_hashed(tmp_path):
    for name in ("d.csv", "d.npz", "d.parquet", "train-images-idx3-ubyte"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(10**11)  # which takes no room on the disk
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx((4,), content=b"\0\1\0\1"))
    for given in ("d.csv", "d.npz", "d.parquet", str(tmp_path)):
        assert "has 100,000,000,000 bytes" in refused(given, tmp_path)


def test_files_without_an_end_are_refused(tmp_path):
    os.mkfifo(tmp_path / "d.csv")
    assert "is a pipe or a device" in refused("d.csv", tmp_path)
    (tmp_path / "e.csv").symlink_to("/dev/zero")
    assert "is a pipe or a device" in refused("e.csv", tmp_path)
    (tmp_path / "f.csv").symlink_to("f.csv")
    assert "does not exist" in refused("f.csv", tmp_path)


def test_parquet_files_are_checked_by_their_metadata(tmp_path):
    pd.DataFrame({"a": np.zeros(10**7), "y": np.zeros(10**7, int)}).to_parquet(tmp_path / "d.parquet")
    assert "unpacks from" in refused("d.parquet", tmp_path)


def test_a_long_text_that_rows_of_a_parquet_file_share_is_held_once(tmp_path):
    codes = pa.array(np.arange(20_000, dtype=np.int32) % 2)
    shared = pa.DictionaryArray.from_arrays(codes, ["a" * 10**6, "b" * 10**6])  # 20 GB, row by row
    table = pa.table({"x": np.arange(20_000.0), "y": shared})
    pq.write_table(table, tmp_path / "d.parquet", store_schema=False, dictionary_pagesize_limit=10**7)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loaded = loading.load(loading.resolve("d.parquet", tmp_path))
    assert loaded.classes == 2 and loaded.y[:4].tolist() == [0, 1, 0, 1]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes


def test_values_of_a_parquet_file_are_counted_by_their_number_and_length(tmp_path):
    wide = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(1000, np.int32)), pa.array([bytes(10**5)], pa.binary(10**5))
    )
    pq.write_table(pa.table({"x": wide.dictionary_decode(), "y": np.arange(1000)}), tmp_path / "d.parquet")
    assert "unpacks from" in refused("d.parquet", tmp_path)
    nested = pa.ListArray.from_arrays([0, 10**7], np.zeros(10**7))
    pq.write_table(pa.table({"x": nested, "y": [0]}), tmp_path / "e.parquet")
    assert "column 'x' holds lists, but a row must have one value" in refused("e.parquet", tmp_path)


def test_a_damaged_parquet_file_does_not_end_the_process(tmp_path):
    # Metadata of a column's chunk in which a histogram has one entry too many: asked for them, pyarrow 26 aborts.
    (tmp_path / "d.parquet").write_bytes(Path(__file__).with_name("histogram.parquet").read_bytes())
    code = f"from gdbench.data import loading; loading.load(loading.resolve('d.parquet', {str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "UsageError" in done.stderr and "cannot be read as a Parquet file" in done.stderr


def test_a_parquet_file_that_holds_more_rows_than_it_tells_is_refused(tmp_path, monkeypatch):
    pq.write_table(pa.table({"x": np.arange(10.0), "y": np.arange(10)}), tmp_path / "d.parquet")
    whole = pq.ParquetFile.iter_batches
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *a, **k: [*whole(*a, **k), *whole(*a, **k)])
    assert "more rows than the 10 that it declares" in refused("d.parquet", tmp_path)


GENERATED = [
    ({"name": "teacher", "samples": 10**8, "features": 2}, "fewer than 200,000,000 values"),
    ({"name": "teacher", "samples": 10**9}, "samples = 1000000000 must be less than"),
    ({"name": "teacher", "samples": 10, "features": 10**6, "hidden": [10**5]}, "teacher of 100,000,400,000 weights"),
    ({"name": "teacher", "samples": 10, "features": 1, "hidden": [10**6] * 3}, "at most 100,000 units in all"),
    ({"name": "teacher", "samples": 10, "hidden": [1] * 10**6}, "at most 100 items"),
    ({"name": "teacher", "samples": 10**7, "features": 10, "hidden": [5000, 5000]}, "multiply-adds"),
    ({"name": "teacher", "samples": 10**6, "features": 10, "classes": 0, "outputs": 10**4}, "fewer than 200,000,000"),
    ({"name": "teacher", "samples": 10**6, "features": 10, "classes": 10**4}, "fewer than 200,000,000 values"),
    ({"name": "teacher", "noise": 1e300}, "noise = 1e+300"),
    ({"name": "teacher", "seed": 10**5000}, "seed = a whole number of 5000 digits"),
    ({"name": "sparse", "samples": 10**4, "features": 10**6}, "fewer than 200,000,000 values"),
    ({"name": "sparse", "samples": 100, "features": 10**6, "classes": 10**4}, "10,000,000,000 weights"),
]


@pytest.mark.parametrize(("given", "words"), GENERATED)
def test_generators_are_refused_by_their_sizes(given, words, tmp_path):
    assert words in refused(given, tmp_path)


def test_quadratics_are_refused_by_their_sizes():
    problem = {"kind": "quadratic", "dimensions": 2000, "samples": 10**6}
    with pytest.raises(UsageError, match=r"problem\.q: .*samples = 1000000.* to 2,005,792,000 numbers; at most"):
        suites.load({"batch_size": 1, "problem": {"q": problem}, "rule": {"sgd": {}}})


def test_labels_that_are_names_of_samples_are_refused(tmp_path):
    (tmp_path / "d.csv").write_text("a,y\n" + "".join(f"1,id{i}\n" for i in range(CLASSES + 1)))
    assert "10,001 different labels, and at most 10,000" in refused("d.csv", tmp_path)


def test_the_largest_known_data_sets_are_within_the_limits():
    for samples, features in ((70_000, 784), (60_000, 3072), (11_000_000, 18)):
        limits.check_values("data", samples, features)
    assert limits.most_unpacked(11_000_000) > 60_000 * 784  # MNIST as it is fetched
