"""Suites that nobody should have written, counted by `run --dry-run` and shown by `show`."""

import json
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from child import commands
from mutations import of_bytes, of_table
from tally import main

TABLES: list[dict[str, Any]] = [
    {
        "title": "Iris",
        "seeds": 2,
        "batch_size": [8, 32],
        "budget": {"epochs": 2},
        "evaluate": {"points": 5},
        "target": {"val_accuracy": 0.9},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [4], "activation": "tanh"}},
        "rule": {"sgd": {"lr": {"log": [1e-2, 1.0, 3]}}, "adam": {"lr": [0.01, 0.1], "beta1": [0.9, 0.5]}},
    },
    {
        "seeds": 1,
        "budget": {"steps": 20},
        "problem": {
            "r": {"kind": "function", "function": "rosenbrock", "start": [-1.2, 1.0], "noise": [0.0, 0.1]},
            "q": {"kind": "quadratic", "dimensions": 10, "samples": 50, "test_samples": 20},
        },
        "rule": {"adam": {"lr": [0.1, 0.01]}, "lookahead": {"inner": "sgd"}},
    },
    {
        "seeds": 1,
        "tune_seeds": 0,
        "batch_size": 16,
        "dtype": ["float32", "float64"],
        "clip_norm": [0.0, 1.0],
        "schedule": ["cosine", {"kind": "step", "every": 10, "factor": 0.1}, {"kind": "one-cycle", "warmup": 3}],
        "evaluate": {"every": 7},
        "budget": {"gradient_evaluations": 30},
        "problem": {
            "t": {
                "kind": "mlp",
                "dataset": {"name": "teacher", "samples": 60, "features": 3, "hidden": [4], "classes": 0},
                "hidden": [[4], [3, 3]],
                "loss": ["mse", "huber"],
                "init": ["zeros", "he-uniform"],
                "l2": [0.0, 0.1],
                "validation_fraction": 0.2,
                "subset": 40,
                "scale": "minmax",
                "drop_last": True,
            }
        },
        "rule": {"momentum": {"lr": {"random": [1e-3, 1.0, 3], "scale": "log"}, "momentum": 0.9}},
    },
]
KEYS = [
    *("title", "seeds", "tune_seeds", "batch_size", "schedule", "dtype", "clip_norm", "budget", "target", "evaluate"),
    *("stop_at_target", "problem", "rule", "lr", "momentum", "beta1", "kind", "dataset", "hidden", "loss", "start"),
    *("noise", "dimension", "function", "inner", "subset", "test_fraction", "init", "activation", "l2", "scale"),
    *("samples", "x", "", "a.b", '"', "é" * 200, "$", "lookahead(sgd)"),
]


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Change a suite, and count it."""
    path, sound = folder / "odd.toml", [toml(table) for table in TABLES]
    warm = []
    for number, text in enumerate(sound):
        (folder / f"sound{number}.toml").write_text(text, encoding="utf-8")
        warm.append(["run", f"sound{number}.toml", "--dry-run"])
    with commands(warm, cwd=folder) as run:
        while True:
            number = rng.randrange(len(TABLES))
            if rng.random() < 0.5:
                path.write_bytes(of_bytes(rng, sound[number].encode()))
            else:
                text = toml(of_table(rng, TABLES[number], KEYS))
                path.write_bytes(text.encode("utf-8", "surrogatepass"))
            way = ["show", "odd.toml"] if rng.random() < 0.1 else ["run", "odd.toml", "--dry-run"]
            complaint = run(*way, cwd=folder).complaint(codes=(0, 2))
            yield complaint and f"{' '.join(way)}: {complaint}, of {path.read_bytes()!r}"


def toml(table: dict[str, Any]) -> str:
    """A table as TOML: its values inline, its tables below."""
    lines = [f"{json.dumps(key)} = {_inline(value)}" for key, value in table.items() if key not in ("problem", "rule")]
    for group in ("problem", "rule"):
        given = table.get(group)
        if not isinstance(given, dict):
            lines += [] if given is None else [f"{group} = {_inline(given)}"]
            continue
        for label, keys in given.items():
            if isinstance(keys, dict):
                lines.append(f"[{group}.{json.dumps(label)}]")
                lines += [f"{json.dumps(key)} = {_inline(value)}" for key, value in keys.items()]
            else:
                lines += [f"[{group}]", f"{json.dumps(label)} = {_inline(keys)}"]
    return "\n".join([*lines, ""])


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main("odd suites", attempts))
