"""Where the two sides of `gate --ab` come from: installed environments, checkouts, or revisions of a git repository.

    with tempfile.TemporaryDirectory() as folder:
        base = find_place("v1.2", Path.cwd(), Path(folder))
        command, environment = base.python, base.variables

What has `gdbench` in it runs that gdbench; a folder or a revision without it is taken for the home of a plug-in, which
the gdbench that runs this runs.
"""

import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from gdbench.errors import UsageError

INTERPRETERS = ("bin/python", "Scripts/python.exe")  # of a virtual environment


@dataclass(frozen=True)
class Place:
    """A way to run gdbench. home: where plug-ins are looked for. shadow: where the gdbench lies that is imported."""

    name: str
    python: Path
    home: Path | None = None
    shadow: Path | None = None
    commit: str | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of its processes."""
        paths = [str(self.shadow)] if self.shadow else []
        inherited = os.environ.get("PYTHONPATH")
        return {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, *([inherited] if inherited else [])])}

    def plugin(self, file: Path, start: Path) -> Path:
        """The plug-in's file here: a relative path is meant from the root of a place, or else from `start`."""
        path = (self.home if self.home and not file.is_absolute() else start) / file
        if not path.is_file():
            raise UsageError(
                f"plug-in {file} is not in {self.name}; give its path from there, or from the root of the repository"
            )
        return path


def find_place(text: str, start: Path, scratch: Path) -> Place:
    """The place that a user's word stands for; a revision of the repository around `start` is unpacked into `scratch`.

    A path is an environment's folder, its Python, a checkout of gdbench, or a folder with plug-ins; all else is a
    revision. Raises UsageError for what is none of them.
    """
    path = (start / text).expanduser()
    if path.is_file() and os.access(path, os.X_OK):
        return Place(text, path.absolute())
    if path.is_dir():
        python = next((path / name for name in INTERPRETERS if (path / name).exists()), None)
        if python is not None:
            return Place(text, python.absolute())
        return _of_folder(text, path.resolve(), None)
    return _of_revision(text, start, scratch)


def _of_folder(name: str, folder: Path, commit: str | None) -> Place:
    ours = (folder / "gdbench" / "__init__.py").is_file()
    return Place(name, Path(sys.executable), folder, folder if ours else None, commit)


def _of_revision(text: str, start: Path, scratch: Path) -> Place:
    try:
        commit = _git(start, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}").strip()
        root = Path(_git(start, "rev-parse", "--show-toplevel").strip())
    except (OSError, subprocess.SubprocessError):
        raise UsageError(
            f"{text!r} is no environment, no folder and no revision of a git repository in {start}; give the folder "
            "of a virtual environment, of a checkout, or a commit, tag or branch"
        ) from None
    folder = scratch / commit
    if not folder.exists():
        archive = scratch / f"{commit}.tar"
        subprocess.run(
            ["git", "-C", str(root), "archive", "--format=tar", f"--output={archive}", commit], check=True, timeout=120
        )
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        archive.unlink()
    return _of_folder(text, folder, commit)


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=30
    ).stdout
