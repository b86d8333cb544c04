"""Where machine code is kept, for how long, and that nothing is taken back that may have been changed."""

import os
import pickle
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from gdbench.kernels.compile import cache, jit, numba_internals
from gdbench.kernels.compile.jit import DISABLED, kernel

compiled = pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs owners and modes of files")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Nothing set, and a home of one's own."""
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("system", "unset"),
    [
        ("unix.Unix", (".cache", "gdbench")),
        ("windows.Windows", ("AppData", "Local", "gdbench")),
        ("macos.MacOS", ("Library", "Caches", "gdbench")),
    ],
)
def test_machine_code_is_kept_where_the_system_keeps_caches(system, unset, root, monkeypatch):
    module, name = system.split(".")
    dirs = import_module(f"platformdirs.{module}")
    monkeypatch.setattr("platformdirs.PlatformDirs", getattr(dirs, name))
    if module == "windows":  # which asks the system
        monkeypatch.setattr(dirs, "get_win_folder", {"CSIDL_LOCAL_APPDATA": str(root / "AppData" / "Local")}.get)
    assert cache.cache_root() == root.joinpath(*unset)
    if module == "unix":
        monkeypatch.setenv("XDG_CACHE_HOME", str(root / "elsewhere"))
        assert cache.cache_root() == root / "elsewhere" / "gdbench"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(root / "chosen"))
    assert cache.cache_root() == root / "chosen"


@posix
def test_a_user_without_a_home_keeps_machine_code_in_the_temporary_folder(root, monkeypatch):
    import pwd

    def unknown(user):
        raise KeyError(f"getpwuid(): uid not found: {user}")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(root / "temporary"))
    assert cache.cache_root() == root / "temporary" / ".cache" / "gdbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "elsewhere"))
    assert cache.cache_root() == root / "elsewhere" / "gdbench"


@posix
def test_machine_code_is_never_looked_for_below_the_present_folder(root, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.cache_root().is_absolute()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where machine code is kept within a test, not there yet."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "refused", set())
    cache.cache_folder.cache_clear()
    yield cache.cache_folder()
    cache.cache_folder.cache_clear()


def test_a_new_folder_removes_those_long_unused_and_nothing_else(folder, monkeypatch):
    root, month = folder.parent, cache.KEEP_DAYS * 86400
    ages = {"gdbench-" + "0" * 16: 1.1 * month, "gdbench-" + "1" * 16: 0.9 * month, "gdbench-mine": 9 * month}
    for name, age in ages.items():
        (root / name / "within").mkdir(parents=True)
        os.utime(root / name, (time.time() - age,) * 2)
    gone = root / ("gdbench-" + "2" * 16)
    gone.symlink_to(root / "nowhere")  # as if another process had just removed it
    assert cache.cache_problem() is None
    left = {path.name for path in root.iterdir()}
    assert left == {folder.name, "gdbench-" + "1" * 16, "gdbench-mine", gone.name}


def test_a_folder_in_use_is_no_longer_old(folder):
    folder.mkdir(parents=True)
    os.utime(folder, (0, 0))
    cache.cache_folder.cache_clear()
    assert cache.cache_folder() == folder and folder.stat().st_mtime > time.time() - 3600


def test_why_machine_code_cannot_be_kept_is_told(folder):
    folder.parent.write_text("a file where the folder should be")
    assert cache.cache_problem() == f"Not a directory: {folder}"


def test_other_sources_have_another_folder(folder):
    assert cache.cache_folder("a plug-in") != folder == cache.cache_folder()
    assert folder.name.startswith("gdbench-") and folder.parent == cache.cache_root()


# ---------------------------------------------------------------------------------------------- what is taken back


def _twice(x):
    return 2 * x


def _thrice(x):
    return 3 * x


def hits(function=_twice):
    """Whether a new process would find the function, which is called, in the cache."""
    dispatcher = kernel(function)
    assert dispatcher(3) == function(3)
    return sum(dispatcher.stats.cache_hits.values()) == 1


def flip(number):
    """Flips one bit, of the byte of this number."""

    def change(path):
        content = bytearray(path.read_bytes())
        content[number] ^= 1 << (number % 8)
        path.write_bytes(content)

    return change


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def bomb(path):
    """A file in Numba's own form."""
    path.write_bytes(pickle.dumps(Bomb(path.parent / "exploded")) + pickle.dumps({}))


def other_function(path):
    """The file of another function, whole as it is."""
    hits(_thrice)
    path.write_bytes(path.with_name(path.name.replace("_twice", "_thrice")).read_bytes())


def sealed(content):
    return lambda path: cache.write(path, content)


def give_away(path):
    if os.geteuid() != 0:
        pytest.skip("gives files to another user")
    os.chown(path, 12345, 12345)


def directory(path):
    path.unlink()
    path.mkdir()


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def dangling(path):
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


DAMAGES = {
    "removed": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "cut in the header": lambda path: os.truncate(path, 20),
    "cut in the content": lambda path: os.truncate(path, path.stat().st_size - 1),
    "longer": lambda path: os.truncate(path, path.stat().st_size + 2**40),  # with a hole, which takes no room
    "a bit of the magic": flip(3),
    "a bit of the length": flip(9),
    "a bit of the seal": flip(30),
    "a bit of the content": flip(60),
    "the last bit": flip(-1),
    "random bytes": lambda path: path.write_bytes(os.urandom(5000)),
    "Numba's own": bomb,
    "another function's": other_function,
    "whole, and no pickle": sealed(b"not a pickle"),
    "whole, and of another kind": sealed(pickle.dumps(7)),
    "whole, and for another key": sealed(pickle.dumps(({}, {}))),
    "a folder": directory,
    "a pipe": pipe,
    "a link to nowhere": dangling,
    "nobody's to read": lambda path: path.chmod(0),
    "the group's to write": lambda path: path.chmod(0o660),
    "everybody's to write": lambda path: path.chmod(0o602),
    "another user's": give_away,
}


@posix
@compiled
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_was_changed_is_never_used_and_is_replaced(damage, ending, folder):
    assert not hits() and hits()
    (path,) = folder.glob(f"*_twice*.{ending}")
    DAMAGES[damage](path)
    if not (damage == "nobody's to read" and os.geteuid() == 0):
        assert not hits()
    assert hits() and not (folder / "exploded").exists()
    assert not list(folder.glob(".*"))  # nothing unfinished stays


@compiled
def test_machine_code_of_another_version_is_not_taken_by_another_name_of_its_folder(folder):
    hits()
    elsewhere = folder.with_name("gdbench-" + "0" * 16)
    folder.rename(elsewhere)
    (path,) = elsewhere.glob("*.nbi")
    assert cache.read(path) is None
    elsewhere.rename(folder)
    assert cache.read(folder / path.name) is not None


@compiled
def test_an_index_that_is_lost_does_not_give_one_type_the_code_of_another(folder):
    half = kernel(lambda x: x / 2)
    half(3)
    (index,) = folder.glob("*.nbi")
    old = index.read_bytes()
    index.unlink()
    kernel(half.py_func)(3.5)  # takes the first one's file
    index.write_bytes(old)
    assert kernel(half.py_func)(3) == 1.5


@compiled
def test_code_that_calls_what_is_not_there_any_more_is_compiled_anew(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(jit._linked, "gdbench.gone", lambda: None)
        reduce = numba_internals._Impl.reduce
        patch.setattr(numba_internals._Impl, "reduce", lambda self, code: (["gdbench.gone"], reduce(self, code)[1]))
        assert not hits() and hits()
    assert not hits() and hits()


# -------------------------------------------------------------------------------------------------- who may write to it

FOLDERS = {
    "everybody's to write": (lambda folder: folder.chmod(0o777), "others may write to"),
    "the group's to write": (lambda folder: folder.chmod(0o770), "others may write to"),
    "everybody's, though nobody else removes": (lambda folder: folder.chmod(0o1777), "others may write to"),
    "within everybody's": (lambda folder: folder.parent.chmod(0o777), "others may write to"),
    "another user's": (give_away, "belongs to another user (id 12345)"),
    "within another user's": (lambda folder: give_away(folder.parent), "belongs to another user (id 12345)"),
}


@posix
@compiled
@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_that_others_may_change_is_refused_and_never_read(case, folder):
    change, words = FOLDERS[case]
    assert not hits() and hits()
    (index,) = folder.glob("*.nbi")
    bomb(index)
    change(folder)
    before = sorted(folder.iterdir())
    assert not hits() and not hits() and sorted(folder.iterdir()) == before
    assert not (folder / "exploded").exists() and not cache.kept("kernel")
    assert words in cache.cache_problem() and any(words in reason for reason in cache.refused)


def test_a_command_tells_once_that_a_folder_was_refused(capsys, monkeypatch):
    from gdbench.cli import app

    monkeypatch.setattr(cache, "refused", {"others may write to x; run `chmod go-w x`"})
    assert app.command(["list", "schedules", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and "others may write to x" in printed.err and "others" not in printed.out


@posix
@compiled
def test_a_folder_of_ours_is_used_wherever_it_lies(folder, tmp_path):
    folder.parent.mkdir()
    folder.parent.chmod(0o1777)  # as /tmp is
    assert not hits() and hits()
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    (tmp_path / "moved" / "lock").mkdir()  # of no meaning
    (tmp_path / "moved").rename(tmp_path / folder.name)
    folder.unlink()
    folder.symlink_to(tmp_path / folder.name)
    assert hits() and cache.cache_problem() is None


@posix
def test_only_this_user_may_enter_what_is_made(folder):
    mask = os.umask(0)
    try:
        cache.write(folder / "file", b"content")
    finally:
        os.umask(mask)
    for path, mode in ((folder.parent, 0o700), (folder, 0o700), (folder / "file", 0o600)):
        assert path.stat().st_mode & 0o777 == mode
    assert cache.read(folder / "file") == b"content"


@posix
def test_a_group_of_which_one_user_is_the_only_member_may_write_around_it(folder, monkeypatch):
    import grp
    import pwd
    from types import SimpleNamespace

    folder.mkdir(parents=True, mode=0o700)
    facts = folder.stat()
    folder.parent.chmod(0o775)
    monkeypatch.setattr(os, "geteuid", lambda: facts.st_uid or 1000)
    user = SimpleNamespace(pw_gid=facts.st_gid, pw_name="someone")
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: user)
    for members, private in (([], True), (["someone"], True), (["someone", "else"], False)):
        monkeypatch.setattr(
            grp, "getgrgid", lambda gid, found=members: SimpleNamespace(gr_name="someone", gr_mem=found)
        )
        assert cache._private_group(folder.parent.stat()) == private
    folder.parent.chmod(0o777)
    monkeypatch.setattr(grp, "getgrgid", lambda gid: SimpleNamespace(gr_name="someone", gr_mem=[]))
    assert not cache._private_group(folder.parent.stat())


# ------------------------------------------------------------------------------------------------ what cannot be kept


@compiled
def test_what_cannot_be_kept_still_runs(folder, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        patch.setattr(Path, "replace", full)
        assert not hits() and not hits()
    assert not list(folder.glob(".*")) and not list(folder.glob("*.nb*"))
    with monkeypatch.context() as patch:
        patch.setattr(jit, "dumps", lambda data: pickle.dumps(lambda: None))  # which cannot be pickled
        assert not hits()
    folder.rmdir()
    folder.write_text("a file where the folder should be")
    assert not hits()


SLOW = """
import os, signal, sys
from gdbench.kernels.compile import cache
cache._seal = lambda path, content: os.kill(os.getpid(), signal.SIGSTOP)  # within a write
cache.write(cache.cache_folder() / "file.nbi", b"content")
"""


@posix
@compiled
def test_a_process_that_was_stopped_while_it_wrote_holds_nobody_up(folder):
    stopped = subprocess.Popen([sys.executable, "-c", SLOW])
    try:
        os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WNOWAIT)
        assert not hits() and hits()
    finally:
        stopped.kill()
        stopped.wait()
