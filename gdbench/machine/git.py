"""What git says about the repository around a folder, and its own words if it refuses.

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
    """git failed. The message is its reason in one line, empty if it gave none."""


def git(folder: Path, *arguments: str, patience: float = PATIENCE) -> str:
    """The output of a git command; raises GitError. patience: seconds to wait."""
    command = ["git", "-C", str(folder), *arguments]
    plain = {**os.environ, "LC_ALL": "C"}  # reasons are recognised by their English words
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
    """Commit and dirty flag of the repository around `folder`; None for both if git does not say."""
    try:
        return git(folder, "rev-parse", "HEAD"), bool(git(folder, "status", "--porcelain", "--untracked-files=no"))
    except GitError:
        return None, None


def refusal(folder: Path) -> str | None:
    """Why git refuses to read the repository around `folder`; None if it does not refuse, or there is none."""
    try:
        git(folder, "rev-parse", "--git-dir")
    except GitError as error:
        return None if NO_REPOSITORY in str(error) or "cannot be run" in str(error) else str(error)
    return None
