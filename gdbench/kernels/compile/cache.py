"""Where machine code is kept between processes, and what of it is taken back.

The cache is ours alone. Numba's own does not notice a change in another file's function (numba #1833), so the folder
is named by the hash of all kernel sources and of the versions that compile them; plug-ins get a folder of their own.
A `NUMBA_CACHE_DIR` that the user set is where that folder goes; otherwise the user's cache folder is.

What is kept is run, so nothing is taken that may have been changed: `read` gives a file's content only where it belongs
to this user, nobody else may write to it or to its folders, and the hash that `write` put before it fits content, name
and folder. Anything else counts as not being there: it is compiled anew and replaced.
"""

import hashlib
import os
import platform
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import llvmlite
import numba

from gdbench.inputs.writing import temporary_in
from gdbench.kernels.compile.source import source_hash

KEEP_DAYS = 30
MAGIC = b"gdbench1"
HEADER = len(MAGIC) + 8 + hashlib.sha256().digest_size  # magic, the content's length, its seal

refused: set[str] = set()  # why folders were not used in this process, one sentence each


def cache_root() -> Path:
    """The folder that holds the folders of machine code."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs  # which a bare machine with a GPU can do without

    folder = Path()
    with suppress(RuntimeError, ValueError):  # which newer versions raise where there is no home
        folder = platformdirs.user_cache_path("gdbench", appauthor=False, opinion=False)
    # Older ones then give a path below this folder; machine code is never looked for there.
    return folder if folder.is_absolute() else Path(tempfile.gettempdir()) / ".cache" / "gdbench"


@lru_cache(maxsize=64)
def cache_folder(extra: str = "") -> Path:
    """The folder for this version of the kernels; `extra` is the hash of a plug-in's source, if it is compiled in."""
    versions = f"{source_hash()}|{extra}|{numba.__version__}|{llvmlite.__version__}|{platform.python_version()}"
    folder = cache_root() / f"gdbench-{hashlib.sha256(versions.encode()).hexdigest()[:16]}"
    with suppress(OSError):  # not there yet, or not ours to touch
        os.utime(folder)  # in use, so not to be pruned
    return folder


def cache_problem() -> str | None:
    """Why machine code cannot be kept on disk, or None when it can."""
    folder = cache_folder()
    try:
        make_folder(folder)
    except OSError as error:
        return f"{error.strerror or error}: {folder}" if error.errno else str(error.strerror)
    return None


def kept(variant: str) -> bool:
    """Whether our folder holds machine code of this variant (`kernel`) of anything, compiled for whatever processor."""
    folder = cache_folder()
    if refusal(folder):
        return False
    try:
        return any(name.endswith(f"-{variant}.nbi") for name in os.listdir(folder))
    except OSError:
        return False


def read(path: Path) -> bytes | None:
    """What `write` put into a file, or None where the file is not there, not whole or not to be trusted."""
    if refusal(path.parent):
        return None
    try:
        with open(path, "rb", opener=_at_once) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or not _ours_alone(facts):
                return None
            header = file.read(HEADER)
            length = facts.st_size - HEADER
            if header[: len(MAGIC) + 8] != MAGIC + length.to_bytes(8, "little", signed=True):
                return None
            content = file.read()
    except OSError:
        return None
    return content if header[len(MAGIC) + 8 :] == _seal(path, content) else None


def write(path: Path, content: bytes) -> None:
    """Keep content under this name, whole or not at all; raises OSError where that cannot be, or must not."""
    make_folder(path.parent)
    with temporary_in(path.parent, private=True) as temporary:
        temporary.write_bytes(MAGIC + len(content).to_bytes(8, "little") + _seal(path, content) + content)
        with suppress(OSError):  # an empty folder in its place; what is a file, or not there, stays as it is
            path.rmdir()
        temporary.replace(path)


def keep(path: Path, content: bytes) -> None:
    """`write`, where that can be: what is not kept is compiled again by the next process."""
    with suppress(OSError):
        write(path, content)


def make_folder(folder: Path) -> None:
    """Make a folder for machine code unless it is there; raises OSError where none can be kept in it."""
    new = not folder.exists()
    if not folder.parent.exists():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if reason := refusal(folder):
        raise PermissionError(None, reason)
    probe = folder / f".probe-{os.getpid()}"
    probe.touch()
    probe.unlink()
    if new:
        _prune(folder.parent)


def refusal(folder: Path) -> str | None:
    """Why nothing in a folder of machine code is to be trusted, and what to do about it; None where all is well.

    It must belong to this user alone. The folder around it may be the system's, as /tmp is, where nobody can rename
    what is not theirs. Windows keeps users' folders apart by other means.
    """
    if not hasattr(os, "geteuid"):
        return None
    reason = _refusal_of(folder, 0) or _refusal_of(folder.parent, stat.S_ISVTX)
    if reason:
        refused.add(reason)
    return reason


def _refusal_of(folder: Path, excuse: int) -> str | None:
    """excuse: a bit of the mode with which a folder may belong to the system, and others may write to it."""
    try:
        link, facts = folder.lstat(), folder.stat()
    except OSError:  # it is not there, or of no use; whoever wants it will see
        return None
    owners = {os.geteuid(), 0} if excuse else {os.geteuid()}
    for uid in (link.st_uid, facts.st_uid):
        if uid not in owners:
            return f"{folder} belongs to another user (id {uid}); set NUMBA_CACHE_DIR to a folder of your own"
    if facts.st_mode & 0o022 and not facts.st_mode & excuse and not (excuse and _private_group(facts)):
        return f"others may write to {folder}; run `chmod go-w {folder}` or set NUMBA_CACHE_DIR to another folder"
    return None


def _private_group(facts: os.stat_result) -> bool:
    """Whether only the group may write, and this user is alone in it: many systems give every user a group so."""
    import grp
    import pwd

    if facts.st_mode & 0o002 or os.geteuid() == 0:
        return False
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(facts.st_gid)
    except KeyError:
        return False
    return user.pw_gid == facts.st_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _ours_alone(facts: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or (facts.st_uid == os.geteuid() and not facts.st_mode & 0o022)


def _seal(path: Path, content: bytes) -> bytes:
    """What tells content, name and folder from any other, so that files that were swapped are noticed too."""
    return hashlib.sha256(f"{path.parent.name}/{path.name}\0".encode() + content).digest()


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for whoever would write to it, were it a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _prune(root: Path) -> None:
    for folder in root.glob("gdbench-" + "[0-9a-f]" * 16):
        try:
            if time.time() - folder.stat().st_mtime > KEEP_DAYS * 86400:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another process removed it first
            continue
