"""Folders with MNIST's IDX files: what is read, and what is said of files that are wrong."""

import gzip
import struct

import numpy as np
import pytest

from gdbench.data import loading
from gdbench.data.splitting import split
from gdbench.errors import UsageError

SPLIT = {"validation_fraction": 0.25, "test_fraction": 0.25, "scale": "standard", "subset": None}


def load(given, folder):
    return loading.load(loading.resolve(given, folder))


CODES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx(array, code=0x08):
    array = np.asarray(array)
    head = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return head + array.astype(CODES[code]).tobytes()


def idx_folder(folder, test=False, images=None, mark="-", pack=None, code=0x08):
    folder.mkdir()
    images = np.arange(40 * 6).reshape(40, 2, 3) % 100 if images is None else images
    parts = {"train": (images, np.arange(40) % 3)}
    if test:
        parts["t10k"] = (images[:5] + 1, np.array([2, 2, 1, 0, 0]))
    for name, (x, y) in parts.items():
        for kind, content in (("images{}idx3", idx(x, code)), ("labels{}idx1", idx(y))):
            path = folder / f"{name}-{kind.format(mark)}-ubyte{'.gz' if pack else ''}"
            path.write_bytes(pack(content) if pack else content)
    return folder


@pytest.mark.parametrize("pack", [None, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("mark", ["-", "."])
def test_an_idx_folder_loads(pack, mark, tmp_path):
    idx_folder(tmp_path / "mnist", test=True, mark=mark, pack=pack)
    for given in ("mnist/", "mnist", {"file": "mnist"}):
        loaded = load(given, tmp_path)
        np.testing.assert_array_equal(loaded.x, np.arange(240.0).reshape(40, 6) % 100)
        np.testing.assert_array_equal(loaded.y, np.arange(40) % 3)
        np.testing.assert_array_equal(loaded.test.x, loaded.x[:5] + 1)
        np.testing.assert_array_equal(loaded.test.y, [2, 2, 1, 0, 0])


def test_an_idx_folder_without_test_files_is_split(tmp_path):
    loaded = load("mnist", idx_folder(tmp_path / "mnist").parent)
    assert loaded.test is None and len(split(loaded, **SPLIT)[2].x) == 10


@pytest.mark.parametrize("code", CODES)
def test_idx_numbers_of_every_type(code, tmp_path):
    images = np.arange(240).reshape(40, 2, 3) % 100 - (50 if code != 0x08 else 0)
    loaded = load("mnist", idx_folder(tmp_path / "mnist", images=images, code=code).parent)
    np.testing.assert_array_equal(loaded.x, images.reshape(40, 6))


GOOD = idx(np.ones((40, 2, 3)))
BAD_IDX = {
    "empty": ("train-images", b"", ["nothing", "two zero bytes"]),
    "another format": ("train-images", b"\x89PNG\r\n", ["89504e47", "two zero bytes"]),
    "unknown type": ("train-images", b"\0\0\x0a" + GOOD[3:], ["0x0a", "0x08, 0x09"]),
    "no dimensions": ("train-images", b"\0\0\x08\0", ["header of 0 dimensions", "fetch it again"]),
    "header cut": ("train-images", GOOD[:10], ["header of 3 dimensions", "10 bytes", "fetch it again"]),
    "numbers cut": ("train-images", GOOD[:-1], ["239 bytes", "40 x 2 x 3 of 1", "fetch it again"]),
    "more numbers": ("train-images", GOOD + b"\0", ["241 bytes", "40 x 2 x 3 of 1", "fetch it again"]),
    "labels for images": ("train-images", idx(np.ones(40)), ["shape 40;", "3 dimensions"]),
    "images for labels": ("train-labels", GOOD, ["shape 40 x 2 x 3;", "1 dimension,"]),
    "no images": ("train-images", idx(np.ones((0, 2, 3))), ["shape 0 x 2 x 3;", "none of them 0"]),
    "fewer labels": ("train-labels", idx(np.arange(39) % 3), ["39 labels", "40 images", "fetch both again"]),
    "gap in labels": ("train-labels", idx(np.arange(40) % 3 * 2), ["class 1, 3;", "without gaps"]),
    "infinite pixel": (
        "train-images",
        idx(np.where(np.arange(240).reshape(40, 2, 3) == 7, np.inf, 1.0), 0x0E),
        ["number 2 of sample 2", "inf", "finite"],
    ),
    "unknown label": ("t10k-labels", idx([0, 1, 2, 7, 0]), ["label 4", "is 7,", "which has 0, 1, 2"]),
    "other pixels": ("t10k-images", idx(np.ones((5, 2, 2))), ["4 features", "6", "give both the same"]),
}


@pytest.mark.parametrize("mistake", BAD_IDX)
def test_a_wrong_idx_file_says_what_and_where(mistake, tmp_path):
    role, content, words = BAD_IDX[mistake]
    path = next(idx_folder(tmp_path / "mnist", test=True).glob(f"{role}*"))
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load("mnist", tmp_path)
    for word in [role, *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize("role", ["train-images", "train-labels", "t10k-images", "t10k-labels"])
def test_an_incomplete_idx_folder_says_what_is_missing(role, tmp_path):
    next(idx_folder(tmp_path / "mnist", test=True).glob(f"{role}*")).unlink()
    with pytest.raises(UsageError, match=rf"mnist is a folder without {role}"):
        load("mnist", tmp_path)


def test_an_idx_file_that_is_not_gzipped_is_refused(tmp_path):
    folder = idx_folder(tmp_path / "mnist", pack=gzip.compress)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(GOOD)
    with pytest.raises(UsageError, match=r"train-images-idx3-ubyte\.gz cannot be read"):
        load("mnist", tmp_path)
