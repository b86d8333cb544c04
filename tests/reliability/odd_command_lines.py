"""Command lines with words left out, doubled, mistyped and of any length, at a small store that is put back each time.

Commands that measure for long are given a word that they must refuse. No word leaves the folder.
"""

import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from child import commands
from stored import BASELINE, CSV, JSON, begin
from tally import main

OUT = ["--out", "out"]
SOUND = [
    ["run", "small.toml", "--dry-run", "--jobs", "1", "--seeds", "2", "--set", "budget.epochs=1", "--chunk", "10"],
    ["run", "quick", "--dry-run", "--json", "--backend", "cpu", "--set", "problem.digits.hidden=[4]", *OUT],
    ["report", "latest", *OUT],
    ["list", "rules"],
    ["list", "runs", "--json", *OUT],
    ["show", "adam"],
    ["show", "lookahead(sgd)", "--json"],
    ["show", "small.toml"],
    ["show", "latest", *OUT],
    ["show", JSON, *OUT],
    ["compare", "latest", CSV, "--margin", "5", "--level", "0.01", "--family", "count", *OUT],
    ["gate", "latest", JSON, "--strict", "--github", *OUT],
    ["gate", "--baseline", f"./{BASELINE}", "latest", "--family", "digest", "--junit-xml", "junit.xml", *OUT],
    ["gate", "--baseline", "main", "--baseline-lenient", "--json", *OUT],
    ["history", "final_loss", "--limit", "5", "--magnitude", "3", *OUT],
    ["history", "--accept", "latest", "--why", "meant", *OUT],
    ["export", "latest", "--format", "csv", "--to", "to", *OUT],
    ["export", JSON, "--format", "json", "--to", "to.json"],
    ["remove", "latest", *OUT],
    ["tune", "sgd", "booth", "--lr", ".01,.1", "--seeds", "1", "--set", "budget.steps=5", "--jobs", "1", "--quiet"],
    ["tune", "adam", "iris", "--lr", "{log=[.01,1.,2]}", "--seeds", "1", "--set", "budget.epochs=1", "--subset", "0.9"],
    ["--version"],
    ["--help"],
]
REFUSED = [
    ["time", "sgd", "--net", "3-2", "--batch", "4", "--rounds", "1", "--processes", "1", "--jobs", "1", "--problem"],
    ["peers", "adam", "--net", "3-2", "--batch", "4", "--rounds", "1", "--trials", "2", "--cores", "1", "--peer"],
    ["gate", "--ab", "HEAD", ".", "--suite", "small.toml", "--set"],
    ["run", "small.toml", "--plugin"],
]
NONE = "none-of-this-name"  # ends each of REFUSED
WORDS = [
    *(
        "",
        "-",
        "--",
        "0",
        "-1",
        "1e9",
        "9" * 5000,
        "nan",
        "inf",
        "0x10",
        "１",
        ".1",
        "1.",
        "true",
        "x" * 300,
        "é" * 200,
    ),
    *(
        "latest~1",
        "latest~99999999999999999999",
        "latest~-1",
        "~",
        "HEAD",
        "quick",
        "sgd",
        "iris",
        "adm",
        "all",
        "[red]",
    ),
    *("lookahead(" * 400 + "sgd" + ")" * 400, "[" * 3000, "a." * 3000 + "b=1", "=", "a=", "seeds=", "seeds=1\nx=2"),
    *(
        "rule.sgd.lr={log=[1,2,1000000000]}",
        "problem.iris.hidden=[1000000000]",
        "evaluate={every=1}",
        "title='\\u0000'",
    ),
    *("--json", "--out", "--store", "--quiet", "--help", "--set", "--jobs", "--format", "--family", "--no-such-option"),
    *(
        "sqlite://",
        "postgresql://a@b/c",
        "sqlite:///" + "x" * 300,
        "x" * 100_000,
        "\udcff\udcfe",
        "a\nb",
        "\x1b[2J",
        "$x",
    ),
]


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Change a command line, and run it in a copy of the folder."""
    sound, work = folder / "sound", folder / "work"
    sound.mkdir()
    warm = [*begin(sound), SOUND[0], ["show", "latest", *OUT]]
    with commands(warm, cwd=sound) as run:
        while True:
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(sound, work)
            refused = rng.random() < 0.2
            line = _changed(rng, rng.choice(REFUSED if refused else SOUND))
            words = [*line, NONE] if refused else line
            outcome = run(*map(os.fsencode, words), cwd=work)
            complaint = outcome.complaint((0, 1, 2, 3, 4))
            yield complaint and f"{[word[:200] for word in words]}: {complaint}"


def _changed(rng: random.Random, line: list[str]) -> list[str]:
    """A command with one to three of its words left out, doubled, replaced or put in."""
    first, *rest = line
    for _ in range(rng.choice([1, 1, 2, 3])):
        place, way = rng.randrange(len(rest) + 1), rng.random()
        if way < 0.2:
            del rest[place : place + 1]
        elif way < 0.3:
            rest[place:place] = rest[place : place + 1]
        elif way < 0.7:
            rest[place : place + 1] = [rng.choice(WORDS)]
        else:
            rest.insert(place, rng.choice(WORDS))
    if first == "run" and "--dry-run" not in rest and "--plugin" not in rest[-1:]:
        rest.append("--dry-run")  # what is counted is not trained
    return [first, *rest]


if __name__ == "__main__":
    sys.exit(main("odd command lines", attempts))
