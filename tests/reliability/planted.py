"""A store without training: runs whose trials, curves and timings are drawn, of the shape that real ones have."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gdbench.store import Store, TrialRecord

COLUMNS = ("step", "epoch", "train_loss", "val_loss", "test_loss", "grad_norm", "lr")
RULES = ("sgd", "adam")
TARGET = {"val_loss": [0.5]}


def plant(path: Path | str, runs: int = 2, trials: int = 24, points: int = 12, notes: bool = True) -> list[str]:
    """Make a store with complete runs; returns their ids, the oldest first."""
    store, rng = Store(path), np.random.default_rng(0)
    ids = []
    for number in range(runs):
        run = store.begin(
            identity=f"planted {number}",
            suite="planted",
            title="Planted",
            description="Drawn, not trained.",
            table={"title": "Planted", "budget": {"steps": 1000}, "seeds": 5},
            target=TARGET,
            code="c" * 64,
            backend="cpu",
            trials=trials,
            environment={"cpu": "a processor", "machine": "x86_64", "cores": 2, "wall_seconds": 1.0},
            git_commit="0123456789" * 4,
            git_dirty=False,
        )
        for batch in _batches(records(trials, points, rng), 5000):
            store.add(run, "c" * 64, "cpu", batch)
        store.add_timings(run, "cpu", *_timings(rng))
        store.finish(run, "complete")
        if notes:
            store.annotate(run, f"note {number}")
        ids.append(run)
    return ids


def records(trials: int, points: int, rng: np.random.Generator) -> Iterator[TrialRecord]:
    """Trials of two rules at many learning rates on five seeds."""
    for trial in range(trials):
        rule, rate = RULES[trial // 5 % 2], float(10.0 ** -(1 + trial // 10 % 400 / 100))
        steps = np.round(np.linspace(0, 1000, points))
        loss = np.exp(-3 * rate**0.25 * steps / 1000) * (1 + 0.01 * rng.random(points))
        curve = np.column_stack([steps, steps / 100, loss, loss * 1.1, loss * 1.2, loss * 0.1, np.full(points, rate)])
        below = steps[loss * 1.1 <= TARGET["val_loss"][0]]
        definition = {
            "problem": {"kind": "mlp", "dataset": {"name": "iris"}, "hidden": [5], "activation": "relu", "l2": 0.0},
            "rule": rule,
            "hyperparameters": {"lr": rate, "weight_decay": 0.0},
            "schedule": {"kind": "constant"},
            "batch_size": 8,
            "budget": {"steps": 1000},
            "clip_norm": 0.0,
            "clip_value": 0.0,
            "dtype": "float32",
            "seed": trial % 5,
        }
        setting = json.dumps([rule, rate])
        yield TrialRecord(
            trial=trial,
            key=f"{trial:032x}",
            setting=f"{hash_of(setting):032x}",
            problem="iris",
            rule=rule,
            role="report",
            seed=trial % 5,
            batch_size=8,
            dtype="float32",
            definition=definition,
            status="reached" if len(below) else "exhausted",
            steps=1000,
            epochs=10.0,
            seconds=0.01,
            steps_to_target=float(below[0]) if len(below) else float("inf"),
            parameters=43,
            gradient_evaluations=1000,
            columns=COLUMNS,
            curve=curve,
        )


def hash_of(text: str) -> int:
    """A number that depends on a text alone."""
    return int.from_bytes(text.encode()[-14:], "big")


def _timings(rng: np.random.Generator) -> tuple[list[dict], list[dict]]:
    blank = dict.fromkeys(("problem", "rule", "batch_size", "dtype", "layer", "flops", "bytes", "memory"))
    subjects = [{**blank, "subject": "peak float32", "part": "peak", "dtype": "float32", "jobs": 1}]
    subjects += [
        {**blank, "subject": f"step: iris, {rule}, batch 8, float32", "part": "step", "problem": "iris", "rule": rule}
        | {"batch_size": 8, "dtype": "float32", "jobs": 1, "flops": 1000.0, "bytes": 500.0, "memory": "L1"}
        for rule in RULES
    ]
    samples = [
        {"subject": each["subject"], "round": turn, "sample": 0, "seconds": 1e-6 * (1 + rng.random()), "steps": 1}
        for turn in range(10)
        for each in subjects
    ]
    return subjects, samples


def _batches(found: Iterator[TrialRecord], size: int) -> Iterator[list[TrialRecord]]:
    batch: list[TrialRecord] = []
    for record in found:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
