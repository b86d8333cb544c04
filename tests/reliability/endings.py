"""What a run must be once the same command has come to its end: one, whole, and with nothing left beside it."""

from pathlib import Path

from child import Outcome

from gdbench.errors import GdbenchError
from gdbench.results.files import DATABASE
from gdbench.store import Store

LONG = 120.0  # seconds of a command that trains and draws a page, on a machine that has more to do
SUITE = """
title = "Small"
seeds = 4
tune_seeds = 0
batch_size = 16
budget = {epochs = 40}
evaluate = {points = 20}
target = {val_accuracy = 0.5}
[problem.iris]
kind = "mlp"
dataset = "iris"
hidden = [4]
[rule.sgd]
lr = [0.1, 0.5]
"""
COMMAND = ("run", "small.toml", "--no-time", "--jobs", "1", "--quiet")


def digests(out: Path) -> dict[str, str]:
    """The digest of every trial of the latest run, by its key."""
    store = Store(out / DATABASE)
    trials = store.read(store.find("latest").run).trials
    return dict(zip(trials["key"], trials["digest"], strict=True))


def unlike(out: Path, expected: dict[str, str], done: Outcome) -> str | None:
    """How what lies in a folder differs from what an undisturbed command leaves; None where it does not.

    done: how the last command ended, which nothing disturbed.
    """
    complaint = done.complaint(codes=(0,), limit=LONG)
    if complaint:
        return complaint
    try:
        records, found = Store(out / DATABASE).runs(), digests(out)
    except GdbenchError as error:
        return f"the store cannot be read: {error}"
    pages = [(out / record.run / "report.html").exists() for record in records]
    if [record.state for record in records] != ["complete"] or not all(pages):
        return f"runs {[record.state for record in records]}, with pages {pages}"
    if found != expected:
        return f"{len(found)} trials, {len(found.items() & expected.items())} of {len(expected)} with their digests"
    left = [path.name for path in out.rglob("*") if ".gdbench-" in path.name or path.name.endswith(("-wal", "-shm"))]
    return f"left behind: {', '.join(left)}" if left else None
