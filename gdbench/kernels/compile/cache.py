"""Keep machine code on disk between processes, and take back only what can be trusted.

The cache is gdbench's own. Numba's cache does not notice a change of a function in another file (numba #1833). So the
folder is named by the hash of all kernel sources and of the compiler's versions; plug-ins get folders of their own. It
lies in `NUMBA_CACHE_DIR` if the user has set it, else in the user's cache folder.

Machine code from the cache is run, so others must not have changed it. `read` returns a file's content only if the file
belongs to this user, and nobody else may write to it or to its folders. The hash that `write` put before the content
must also fit content, name and folder. Anything else counts as missing: it is compiled again and replaced.
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

KEEP_DAYS = 30  # after which a folder that nobody has used is removed
MAGIC = b"gdbench1"
HEADER = len(MAGIC) + 8 + hashlib.sha256().digest_size  # magic, the content's length, its seal

refused: set[str] = set()  # why this process has not used folders, one sentence each


def cache_root() -> Path:
    """The folder that contains the folders of machine code."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs  # imported here, since a bare machine with a GPU and NUMBA_CACHE_DIR can do without it

    folder = Path()
    with suppress(RuntimeError, ValueError):  # newer versions raise them if there is no home
        folder = platformdirs.user_cache_path("gdbench", appauthor=False, opinion=False)
    # Older versions then return a path relative to the current folder, where we never look for machine code.
    return folder if folder.is_absolute() else Path(tempfile.gettempdir()) / ".cache" / "gdbench"


@lru_cache(maxsize=64)
def cache_folder(extra: str = "") -> Path:
    """The folder for this version of the kernels. extra: the hash of a plug-in's source that is compiled in, or ""."""
    versions = f"{source_hash()}|{extra}|{numba.__version__}|{llvmlite.__version__}|{platform.python_version()}"
    folder = cache_root() / f"gdbench-{hashlib.sha256(versions.encode()).hexdigest()[:16]}"
    with suppress(OSError):  # it is not there yet, or not ours
        os.utime(folder)  # it is in use, so `_prune` must not remove it
    return folder


def cache_problem() -> str | None:
    """Why machine code cannot be kept on disk; None if it can."""
    folder = cache_folder()
    try:
        make_folder(folder)
    except OSError as error:
        return f"{error.strerror or error}: {folder}" if error.errno else str(error.strerror)
    return None


def kept(variant: str) -> bool:
    """Whether our folder has machine code of this variant (`jit.kernel`), of any function and for any processor."""
    folder = cache_folder()
    if refusal(folder):
        return False
    try:
        return any(name.endswith(f"-{variant}.nbi") for name in os.listdir(folder))
    except OSError:
        return False


def read(path: Path) -> bytes | None:
    """The content that `write` put into a file; None if the file is missing, incomplete or not to be trusted."""
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
    """Keep content under this path, whole or not at all. Raises OSError if its folder cannot or must not be used."""
    make_folder(path.parent)
    with temporary_in(path.parent, private=True) as temporary:
        temporary.write_bytes(MAGIC + len(content).to_bytes(8, "little") + _seal(path, content) + content)
        with suppress(OSError):  # removes an empty folder of this name; anything else makes an error, and stays
            path.rmdir()
        temporary.replace(path)


def keep(path: Path, content: bytes) -> None:
    """`write` if it is possible; else the next process compiles again."""
    with suppress(OSError):
        write(path, content)


def make_folder(folder: Path) -> None:
    """Make a folder for machine code unless it is there. Raises OSError if it cannot or must not be used."""
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
    """Why a folder of machine code is not to be trusted, and what to do about it; None if it is.

    It must belong to this user alone. Its parent may belong to the system, as /tmp does, if the sticky bit keeps users
    from renaming each other's files. Windows keeps users' folders apart by other means.
    """
    if not hasattr(os, "geteuid"):
        return None
    reason = _refusal_of(folder, 0) or _refusal_of(folder.parent, stat.S_ISVTX)
    if reason:
        refused.add(reason)
    return reason


def _refusal_of(folder: Path, excuse: int) -> str | None:
    """Why one folder is not to be trusted, or None.

    excuse: a bit of the mode; a folder that has it may belong to the system, and others may write to it. 0: no excuse.
    """
    try:
        link, facts = folder.lstat(), folder.stat()
    except OSError:  # it is missing or cannot be used; whoever opens it gets the error
        return None
    owners = {os.geteuid(), 0} if excuse else {os.geteuid()}
    for uid in (link.st_uid, facts.st_uid):
        if uid not in owners:
            return f"{folder} belongs to another user (id {uid}); set NUMBA_CACHE_DIR to a folder of your own"
    if facts.st_mode & 0o022 and not facts.st_mode & excuse and not (excuse and _private_group(facts)):
        return f"others may write to {folder}; run `chmod go-w {folder}` or set NUMBA_CACHE_DIR to another folder"
    return None


def _private_group(facts: os.stat_result) -> bool:
    """Whether only the group may write, and it contains only this user: many systems give every user such a group."""
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
    """The SHA-256 of content, name and folder, so that swapped files are noticed too."""
    return hashlib.sha256(f"{path.parent.name}/{path.name}\0".encode() + content).digest()


def _at_once(path: str, flags: int) -> int:
    """Open a file without blocking: if it were a pipe, opening it would wait for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _prune(root: Path) -> None:
    for folder in root.glob("gdbench-" + "[0-9a-f]" * 16):
        try:
            if time.time() - folder.stat().st_mtime > KEEP_DAYS * 86400:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another process removed it first
            continue
