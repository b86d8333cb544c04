"""Does the gate cry wolf, and does it find what is planted? Gates of copies of this checkout, one after another.

    python tests/gate_trials.py [--results FILE] [--kind NAME]... [--table]

Each gate is a command of its own (`gdbench gate --ab BASE HEAD`). Its outcome is a line of FILE (gate_trials.jsonl in
the current folder), and what stands there is not done again: the script can be ended at any time and goes on when it
is called again. Prints a Markdown table of what there is, and what is not as it must be (exit code 1); --table does
nothing else. All kinds take an hour and a half on two cores, and nothing else should run meanwhile: half of the
gates of one commit have a hog beside them that takes a core for some seconds, again and again.

Every slow-down is planted into the update of adam alone, as multiplications by 1 that the compiler cannot know of. How
many of them make a step 8 or 15 % slower is measured first.
"""

import argparse
import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gdbench.machine.environment import usable_cores
from gdbench.machine.processors import cpu_name

ROOT = Path(__file__).parents[1]
SUITE = Path(__file__).with_name("gate_suite.toml")
PROBE = 24  # multiplications, by which is measured what one costs
ADAM = "kernels/rules/adam.py"
ULP = "1.0000001192092896"  # the float32 after 1


class Kind(NamedTuple):
    """So many gates with one planted fault, or none."""

    gates: int
    what: str
    replaced: tuple[str, str, str] | None = None  # in which file, what, by what
    arguments: tuple[str, ...] = ("--suite", "quick", "--family", "digest", "--family", "convergence")
    hog: bool = False
    slower: float = 0.0
    rules: tuple[str, ...] = ()  # that must be named; all of them where there is none
    verdicts: tuple[str, ...] = ()  # that it must come to
    misses: int = 0  # gates that may come to another


ALARMS = 2  # in the forty gates of one commit
FOUND, SEEN = ("regressed",), ("regressed", "changed")
COSTS = ("--suite", str(SUITE), "--family", "cost")


def _one_bit(rule: str, line: str, by: str) -> Kind:
    fault = (f"kernels/rules/{rule}.py", line, by.replace("ULP", ULP))
    return Kind(1, f"one bit of {rule}'s step", fault, rules=(rule,), verdicts=("changed",))


KINDS = {
    "same": Kind(20, "nothing, quiet", arguments=COSTS),
    "same-hog": Kind(20, "nothing, beside a hog", arguments=COSTS, hog=True),
    "slower-8": Kind(
        20, "a step of adam 8 % slower", arguments=COSTS, slower=0.08, rules=("adam",), verdicts=FOUND, misses=1
    ),
    "slower-15": Kind(20, "a step of adam 15 % slower", arguments=COSTS, slower=0.15, rules=("adam",), verdicts=FOUND),
    "bit-sgd": _one_bit("sgd", "return p - c.lr * (g", "return p - c.lr * ULP * (g"),
    "bit-adam": _one_bit("adam", "return p - c.step * m", "return p - c.step * ULP * m"),
    "bit-momentum": _one_bit("momentum", "c.lr *", "c.lr * ULP *"),
    "bit-adagrad": _one_bit("adagrad", "c.lr *", "c.lr * ULP *"),
    "bit-nesterov": _one_bit("nesterov", "c.lr *", "c.lr * ULP *"),
    "bit-rmsprop": _one_bit("rmsprop", "c.lr *", "c.lr * ULP *"),
    "bias-correction": Kind(
        1,
        "adam without bias correction",
        (
            ADAM,
            "    return corrected(t, lr, beta1, beta2, bias_correction)",
            "    return corrected(t, lr, beta1, beta2, False)",
        ),
        rules=("adam",),
        verdicts=SEEN,
    ),
    "batch-reused": Kind(
        1,
        "every batch is used twice",
        (
            "kernels/networks/training.py",
            "begin = (step % batches.per_epoch)",
            "begin = (step // 2 * 2 % batches.per_epoch)",
        ),
        verdicts=SEEN,
    ),
    "wrong-seed": Kind(
        1,
        "the seed is one too high",
        ("gdbench/runner/trial.py", "seed=trial.seed", "seed=trial.seed + 1"),
        verdicts=SEEN,
    ),
}


def main() -> int:
    """Run what is not done yet and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("gate_trials.jsonl"))
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        with tempfile.TemporaryDirectory() as scratch:
            work = _Work(Path(scratch), options.results)
            # In turns, so that all kinds share the machine's moods.
            for number in range(max(kind.gates for kind in KINDS.values())):
                for name in options.kind or KINDS:
                    if number < KINDS[name].gates:
                        work.gate(name, number)
    rows = _read(options.results)
    missed = list(short(rows))
    print("\n".join([*table(rows), "", *missed]))  # noqa: T201
    return 1 if missed else 0


class _Work:
    """Copies of the checkout, and the gates with them."""

    def __init__(self, scratch: Path, results: Path) -> None:
        self.scratch, self.results = scratch, results
        self.base = self._copy("base", None)

    def gate(self, name: str, number: int) -> None:
        """One gate, unless it is done."""
        if any((row["kind"], row["number"]) == (name, number) for row in _read(self.results)):
            return
        kind = KINDS[name]
        head = self._slower(kind.slower) if kind.slower else self._copy(name, kind.replaced)
        with hog(number) if kind.hog else _nothing():
            started = time.perf_counter()
            found = self._verdicts(head, kind.arguments)
            seconds = time.perf_counter() - started
        flagged = [row for row in found["metrics"] if row["verdict"] in ("regressed", "improved", "changed")]
        adam = [row["ratio"] for row in found["metrics"] if row["family"] == "cost" and row["rule"] == "adam"]
        line = {
            "kind": name,
            "number": number,
            "verdict": found["verdict"],
            "flagged": [[row["verdict"], row["metric"], row["problem"], row["rule"], row["ratio"]] for row in flagged],
            "rules": sorted({str(row["rule"]) for row in found["metrics"]}),
            "adam": adam,
            "seconds": seconds,
            "cpu": cpu_name(),
            "cores": usable_cores(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": _git("rev-parse", "--short", "HEAD"),
        }
        self._keep(line)
        print(f"{name} {number}: {found['verdict']} in {seconds:.0f} s {line['flagged'][:4]}", flush=True)  # noqa: T201

    def _keep(self, line: dict) -> None:
        with self.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _verdicts(self, head: Path, arguments: tuple[str, ...]) -> dict:
        command = [sys.executable, "-m", "gdbench", "gate", "--ab", str(self.base), str(head), *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.scratch)
        if not done.stdout:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def _copy(self, name: str, replaced: tuple[str, str, str] | None) -> Path:
        """What is committed, with one text replaced."""
        folder = self.scratch / name
        if not folder.exists():
            folder.mkdir()
            archive = subprocess.run(
                ["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True
            ).stdout
            subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
            if replaced is not None:
                _replace(folder / replaced[0], replaced[1], replaced[2])
        return folder

    def _slower(self, share: float) -> Path:
        """A copy in which a step of adam on digits takes longer by this share, as nearly as multiplications can tell.

        What multiplications cost is measured with many of them and once more near the answer: the first few cost less,
        since the processor does them beside other things.
        """
        shares = {0: 0.0, **{row["number"]: row["share"] for row in _read(self.results) if row["kind"] == "probe"}}
        for _ in range(2):
            if len(shares) == 1:
                times = PROBE
            else:
                counts = sorted(shares)
                times = round(np.interp(share, [shares[count] for count in counts], counts))
            if times not in shares:
                shares[times] = self._ratio(self._multiplying(times)) - 1.0
                self._keep({"kind": "probe", "number": times, "share": shares[times]})
        counts = sorted(shares)
        return self._multiplying(round(np.interp(share, [shares[count] for count in counts], counts)))

    def _ratio(self, head: Path) -> float:
        found = self._verdicts(head, COSTS)
        return next(row["ratio"] for row in found["metrics"] if row["rule"] == "adam" and row["problem"] == "digits")

    def _multiplying(self, times: int) -> Path:
        folder = self._copy(f"multiplying-{times}", None)
        file = folder / ADAM
        if "unit" not in file.read_text(encoding="utf-8"):
            _replace(file, "@adam.coefficients(*CORRECTED)", '@adam.coefficients(*CORRECTED, "unit")')
            _replace(
                file,
                "    return corrected(t, lr, beta1, beta2, bias_correction)",
                "    a, b, c, d = corrected(t, lr, beta1, beta2, bias_correction)\n    return a, b, c, d, 1.0",
            )
            line = "    m = c.beta1 * m + c.one_minus_beta1 * g\n"
            _replace(file, line, line + "    m = m * c.unit\n" * times)
        return folder


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    if old not in text:
        raise RuntimeError(f"{file} does not have {old!r}")
    file.write_text(text.replace(old, new), encoding="utf-8")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def _read(results: Path) -> list[dict]:
    """The lines that are whole."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines() if line.endswith("}")]


@contextmanager
def hog(seed: int) -> Iterator[None]:
    """A process that takes a core for one to five seconds, and leaves it for as long, until the block ends."""
    process = multiprocessing.Process(target=_come_and_go, args=(seed,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _come_and_go(seed: int) -> None:
    chance = random.Random(seed)
    while True:
        until = time.monotonic() + chance.uniform(1.0, 5.0)
        while time.monotonic() < until:
            sum(range(1000))
        time.sleep(chance.uniform(1.0, 5.0))


def table(rows: list[dict]) -> Iterator[str]:
    """The outcomes as Markdown."""
    rows = [row for row in rows if row["kind"] in KINDS]
    if not rows:
        return
    days, commits = sorted({row["when"][:10] for row in rows}), sorted({row["commit"] for row in rows})
    yield f"{rows[0]['cpu']}, {rows[0]['cores']} cores; {', '.join(days)}; commit {', '.join(commits)}."
    yield ""
    yield "| planted | gates | regressed | changed | inconclusive | other | named as it must be | seconds a gate |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, kind in KINDS.items():
        mine = [row for row in rows if row["kind"] == name]
        if mine:
            counts = [sum(row["verdict"] == v for row in mine) for v in ("regressed", "changed", "inconclusive")]
            named = sum(_named(row, kind) for row in mine) if kind.slower or kind.replaced else "-"
            seconds = sorted(row["seconds"] for row in mine)[len(mine) // 2]
            cells = [kind.what, len(mine), *counts, len(mine) - sum(counts), named, f"{seconds:.0f}"]
            yield "| " + " | ".join(map(str, cells)) + " |"
    for name in ("slower-8", "slower-15"):
        ratios = sorted(row["adam"][0] for row in rows if row["kind"] == name and row["adam"])
        if ratios:
            yield ""
            middle = ratios[len(ratios) // 2]
            yield f"{KINDS[name].what}: as measured {ratios[0]:.3f} to {ratios[-1]:.3f}, median {middle:.3f}."


def short(rows: list[dict]) -> Iterator[str]:
    """What is not as it must be, or not done yet, a sentence each."""
    for name, kind in KINDS.items():
        done = sum(row["kind"] == name for row in rows)
        if done < kind.gates:
            yield f"{name}: {done} of {kind.gates} gates are done."
    alarms = sum(row["kind"].startswith("same") and row["verdict"] == "regressed" for row in rows)
    if alarms > ALARMS:
        yield f"{alarms} false alarms, more than {ALARMS}."
    for name, kind in KINDS.items():
        mine = [row for row in rows if row["kind"] == name]
        missed = sum(row["verdict"] not in kind.verdicts or not _named(row, kind) for row in mine)
        if kind.verdicts and missed > kind.misses:
            yield f"{name}: {missed} of {len(mine)} were not found, or not named as they must be."


def _named(row: dict, kind: Kind) -> bool:
    """Whether the rules that are flagged are those that the fault touches."""
    worse = {rule for verdict, _, _, rule, _ in row["flagged"] if not kind.slower or verdict == "regressed"}
    return worse == (set(kind.rules) or set(row["rules"]))


if __name__ == "__main__":
    sys.exit(main())
