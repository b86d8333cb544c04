"""A small run with a baseline and exports of it, which the scripts of this folder change."""

from pathlib import Path

SUITE = """
title = "Small"
seeds = 2
tune_seeds = 0
batch_size = 32
budget = {epochs = 2}
evaluate = {points = 4}
target = {val_accuracy = 0.5}
[problem.iris]
kind = "mlp"
dataset = "iris"
hidden = [4]
[rule.sgd]
lr = [0.1, 0.5]
"""
BASELINE, JSON, CSV = "base.txt", "run.json", "csv"
MAKING = [
    ["run", "small.toml", "--no-time", "--jobs", "1", "--quiet", "--save-baseline", f"./{BASELINE}", "--out", "out"],
    ["export", "latest", "--format", "json", "--to", JSON, "--out", "out"],
    ["export", "latest", "--format", "csv", "--to", CSV, "--out", "out"],
]


def begin(folder: Path) -> list[list[str]]:
    """Write the suite into a folder; the command lines that make all else there."""
    (folder / "small.toml").write_text(SUITE, encoding="utf-8")
    return MAKING
