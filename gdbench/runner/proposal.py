"""A suite for a file of data, as TOML that people can change: `gdbench init`, and `gdbench run FILE --predict COLUMN`.

found = propose("customers.csv", "churn")
found.text, found.facts, found.suite()

The sizes follow from the data. The target is a ladder of levels between what a constant answer scores and what a short
pilot of two rules reached, so that most rules can climb some of it.
"""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gdbench import suites
from gdbench.data.facts import cautions_of, facts_of
from gdbench.data.problems import build
from gdbench.kernels.networks.mlp import MLP, is_network
from gdbench.runner.trial import train

SAMPLES = 120_000  # that a trial sees, while its epochs are from FEWEST to MOST
WORK = 4e9  # samples times parameters of a trial, at most, while its epochs are from FEWEST to MOST
FEWEST, MOST = 2, 40
LADDER = (0.5, 0.8, 0.95)  # how far the levels are from a constant answer to the best of the pilot
PILOT = {"adam": [0.003, 0.03], "sgd": [0.03, 0.3]}
LEAST = 0.01  # of an accuracy, between a constant answer and the pilot, below which there is no target
RULES = {"sgd": (1e-3, 1.0), "momentum": (1e-4, 1e-1), "rmsprop": (1e-5, 1e-2), "adam": (1e-4, 1e-1)}


class Proposal(NamedTuple):
    """name: of the suite. text: the suite as TOML, and words: what makes it again, behind `gdbench run`.

    facts: what is in the data, in sentences. folder: where its relative paths begin.
    """

    name: str
    text: str
    words: tuple[str, ...]
    facts: list[str]
    folder: Path

    def suite(self, overrides: Sequence[str] = (), seeds: int | None = None) -> suites.Suite:
        """The suite; overrides and seeds as for `suites.load`."""
        return suites.load(
            tomllib.loads(self.text),
            overrides=overrides,
            seeds=seeds,
            folder=self.folder,
            name=self.name,
            words=self.words,
        )


def propose(file: str, column: str, encode: bool = False, folder: Path | None = None) -> Proposal:
    """A suite for a file of data. The arguments are those of `data_table`; raises UsageError for data without use."""
    label, problem, folder = suites.data_table(file, column, encode, folder)
    problem["hidden"] = [32]
    table = {"seeds": 1, "tune_seeds": 0, "problem": {label: problem}, "rule": {"sgd": {}}}
    alone = suites.load(table, folder=folder, name=label)
    (definition,) = alone.problems.values()
    network = build(definition, "float32")
    assert is_network(network)
    batches = _batches(network.n)
    seen = min(SAMPLES, WORK / network.size)
    epochs = max(FEWEST, min(MOST, round(seen / network.n)))
    pilot = {**table, "batch_size": batches[len(batches) // 2], "budget": {"epochs": epochs}}
    target = _target(pilot, network, folder)
    facts = [f"{label}: {facts_of(definition, 'float32')}", *cautions_of(definition)]
    words = (file, "--predict", column, *(["--encode"] if encode else []))
    return Proposal(label, _text(label, problem, batches, epochs, target, facts), words, facts, folder)


def _batches(samples: int) -> list[int]:
    """Three batch sizes, a factor of four apart; fewer for few samples."""
    middle = 16 if samples < 1000 else 64 if samples < 50_000 else 256
    return [size for size in (middle // 4, middle, 4 * middle) if 2 * size <= samples] or [1]


def _target(pilot: dict[str, Any], network: MLP, folder: Path) -> dict[str, list[float]] | None:
    """The ladder of levels of a validation metric; None if the pilot was no better than a constant answer."""
    validation = network.splits[1]
    if not len(validation.x):
        return None
    rules = {name: {"lr": rates} for name, rates in PILOT.items()}
    suite = suites.load({**pilot, "evaluate": {"points": 20}, "rule": rules}, folder=folder)
    records = [record for trial in suite.first_trials() if (record := train(trial)) is not None]
    accuracy = "val_accuracy" in network.columns
    metric = "val_accuracy" if accuracy else "val_loss"
    curves = [record.curve[:, record.columns.index(metric)] for record in records]
    values = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
    if accuracy:
        labels = validation.labels
        constant, best = float(np.bincount(labels).max() / len(labels)), float(values.max())
        if best - constant < LEAST:
            return None
        return {metric: sorted({round(constant + share * (best - constant), 3) for share in LADDER})}
    first, best = float(curves[0][0]), float(values.min())
    if not 0 < best < first:
        return None
    return {metric: [float(f"{first * (best / first) ** share:.3g}") for share in LADDER]}


def _text(
    label: str,
    problem: dict[str, Any],
    batches: Sequence[int],
    epochs: int,
    target: dict[str, list[float]] | None,
    facts: Sequence[str],
) -> str:
    """The suite as commented TOML."""
    lines = [
        *(f"# {_comment(fact)}" for fact in facts),
        "",
        f"title = {_string(f'{label}: which rule, learning rate and batch size?')}",
        "seeds = 10         # reporting seeds; more of them see smaller differences",
        "tune_seeds = 5     # other seeds, which choose each rule's setting",
        f"batch_size = {list(batches)}",
        f"budget = {{epochs = {epochs}}}",
    ]
    if target is None:
        lines.append("# No target: a pilot was no better than a constant answer. Rules are compared by their loss.")
    else:
        ((metric, levels),) = target.items()
        lines += [
            "# Levels between the score of a constant answer and the best of a short pilot; the last ranks the rules.",
            f"target = {{{metric} = {levels}}}",
        ]
    data = ", ".join(f"{key} = {_string(value)}" for key, value in problem["dataset"].items())
    lines += [
        "",
        f"[problem.{_string(label)}]",
        'kind = "mlp"',
        f"dataset = {{{data}}}",
        f"hidden = {problem['hidden']}  # [] for a linear model; [64, 64] for two layers",
    ]
    for rule, (low, high) in RULES.items():
        lines += ["", f"[rule.{rule}]", f"lr = {{log = [{low:g}, {high:g}, 7]}}"]
    return "\n".join([*lines, ""])


def _string(text: str) -> str:
    """A text as TOML's basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    """A text as TOML allows it in a comment: without control characters."""
    return "".join(each if each.isprintable() else "?" for each in text)
