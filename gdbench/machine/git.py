"""What git tells of the repository around a folder, and its own words where it refuses to.

commit, dirty = state(Path.cwd())
refusal(Path.cwd())     # "detected dubious ownership in repository at ...", or None
"""

import os
import subprocess
from pathlib import Path

PATIENCE = 10.0  # seconds
NO_REPOSITORY = "not a git repository"
LONGEST = 400  # characters of a reason


class GitError(Exception):
    """git did not do it; the message is its own reason in one line, empty where it gave none."""


def git(folder: Path, *arguments: str, patience: float = PATIENCE) -> str:
    """What a git command prints; raises GitError."""
    command = ["git", "-C", str(folder), *arguments]
    plain = {**os.environ, "LC_ALL": "C"}  # reasons are told apart by their words
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=patience, env=plain
        )
    except subprocess.TimeoutExpired:
        raise GitError(f"it gave no answer within {patience:g} s") from None
    except (OSError, ValueError) as error:
        raise GitError(f"it cannot be run ({error})") from None
    if done.returncode != 0:
        raise GitError(" ".join(done.stderr.split()).removeprefix("fatal: ")[:LONGEST])
    return done.stdout.strip()


def state(folder: Path) -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the repository that `folder` lies in, or two None."""
    try:
        return git(folder, "rev-parse", "HEAD"), bool(git(folder, "status", "--porcelain", "--untracked-files=no"))
    except GitError:
        return None, None


def refusal(folder: Path) -> str | None:
    """Why git tells nothing of the repository around `folder`; None where it does, and where there is none."""
    try:
        git(folder, "rev-parse", "--git-dir")
    except GitError as error:
        return None if NO_REPOSITORY in str(error) or "cannot be run" in str(error) else str(error)
    return None
