"""Find the two sides of `gate --ab`: installed environments, checkouts, or revisions of a git repository.

    with tempfile.TemporaryDirectory() as scratch:
        base = find_place("v1.2", Path.cwd(), Path(scratch))
        command, environment = base.python, base.variables

A place that contains `gdbench` runs that gdbench. A folder or revision without it counts as the home of a plug-in; it
runs the gdbench of this process.
"""

import os
import sys
from dataclasses import dataclass
from importlib.metadata import distributions, entry_points
from pathlib import Path
from typing import Any

import gdbench
from gdbench.errors import UsageError, shown
from gdbench.inputs.paths import user_path
from gdbench.machine.git import NO_REPOSITORY, GitError, git
from gdbench.plugins import GROUP

PATIENCE = 300.0  # seconds that git may take


@dataclass(frozen=True)
class Checkout:
    """A way to run gdbench.

    python: the interpreter. shadow: the folder whose gdbench is imported; None for an environment, which imports its
    own. home: the folder where relative paths of plug-ins begin. root: the folder of the whole place, where a package
    with plug-ins is looked for. commit: of a revision, in full.
    """

    name: str
    python: Path
    shadow: Path | None = None
    home: Path | None = None
    root: Path | None = None
    commit: str | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of its processes."""
        if self.shadow is None:  # our paths must not hide what is installed there
            return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        paths = dict.fromkeys([str(self.shadow), *map(str, self._packages), *filter(None, inherited)])
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    @property
    def code(self) -> tuple[Any, ...]:
        """What its processes import, besides plug-in files; places with equal values run the same code."""
        folders = [str(folder) for folder in self._packages]
        entries = [entry for found in distributions(path=folders) for entry in found.entry_points.select(group=GROUP)]
        names = {entry.module.partition(".")[0] for entry in [*entries, *entry_points(group=GROUP)]}
        found = {path for folder in self._packages for name in names for path in (folder / name, folder / f"{name}.py")}
        return self.python, self.shadow, sorted(path for path in found if path.exists())

    @property
    def _packages(self) -> list[Path]:
        """The folders where packages of the place may be."""
        return [self.root, self.root / "src"] if self.root and self.shadow else []

    def plugin(self, file: Path, start: Path) -> Path:
        """The path of a plug-in file in this place. Raises UsageError if it is not there, or not in the revision.

        A relative path begins at the place's copy of `start`, the user's folder.
        """
        path = (self.home or start) / user_path(file)
        if not path.is_file():
            raise UsageError(f"plug-in {file} is not in {self.name} ({path}); give its path from the current folder")
        if self.commit and not path.resolve().is_relative_to((self.root or path).resolve()):
            raise UsageError(f"plug-in {file} would be the same in every revision; give its path relative to {start}")
        return path


def find_place(text: str, start: Path, scratch: Path) -> Checkout:
    """The place that a text names: a path, or a revision of the repository around `start`.

    A path is an environment's folder, its Python, a checkout of gdbench, or a folder with plug-ins. A revision is
    unpacked into `scratch`. Raises UsageError if the text is neither, or both a path and a revision.
    """
    path = start / user_path(text)
    commit, refused = _commit(text, start)
    if not text or (not path.exists() and commit is None):
        reason = f" (git says: {refused})" if refused else ""
        raise UsageError(
            f"{shown(text)} is not an environment, a folder or a revision of a git repository around {start}{reason}; "
            "give the folder of a virtual environment, of a checkout, or a commit, tag or branch"
        )
    if path.exists() and commit is not None:
        raise UsageError(f"{text!r} is a path and a revision; write ./{text} or heads/{text}")
    if commit is not None:
        return _of_revision(text, commit, start, scratch)
    if path.is_file() and path.name.startswith("python") and os.access(path, os.X_OK):
        return Checkout(text, path.absolute())
    if path.is_file():
        raise UsageError(f"{text!r} is a file but not a Python; give the folder of an environment or of a checkout")
    python = interpreter(path)
    if python is not None:
        return Checkout(text, python.absolute())
    if (path / "pyvenv.cfg").exists():
        raise UsageError(f"{text!r} is an environment without a Python in it; create it again")
    return _of_folder(text, path.resolve(), path.resolve(), None)


def interpreter(environment: Path) -> Path | None:
    """The Python in an environment's folder, on any system; None if there is none."""
    names = ("bin/python", "Scripts/python.exe", "python.exe")  # POSIX; Windows; conda on Windows
    return next((environment / name for name in names if (environment / name).exists()), None)


def _of_folder(name: str, root: Path, home: Path, commit: str | None) -> Checkout:
    """The place of a folder, which runs its own gdbench if it has one, else the one of this process."""
    ours = (root / "gdbench" / "__init__.py").is_file()
    shadow = root if ours else Path(gdbench.__file__).parents[1]
    return Checkout(name, Path(sys.executable), shadow, home, root, commit)


def _commit(text: str, start: Path) -> tuple[str | None, str]:
    """The commit that a text names, or None; and git's reason if git refused to answer."""
    if text in ("", ".", "..") or text.startswith(("./", "../", "/", ".\\", "..\\", "\\")):
        return None, ""
    try:
        revision = f"{text}^{{commit}}"
        return git(start, "rev-parse", "--verify", "--quiet", "--end-of-options", revision, patience=PATIENCE), ""
    except GitError as error:
        return None, "" if NO_REPOSITORY in str(error) else str(error)


def _of_revision(text: str, commit: str, start: Path, scratch: Path) -> Checkout:
    """Clone the repository at a commit, sharing its objects; an archive would omit files marked `export-ignore`."""
    folder = scratch / commit
    try:
        root = Path(git(start, "rev-parse", "--show-toplevel"))
        if not folder.exists():
            git(start, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(folder), patience=PATIENCE)
            git(folder, "checkout", "--quiet", "--detach", commit, patience=PATIENCE)
    except GitError as error:
        raise UsageError(
            f"revision {shown(text)} cannot be unpacked (git says: {error}); give the folder of a checkout of it"
        ) from None
    return _of_folder(text, folder, folder / start.resolve().relative_to(root.resolve()), commit)
