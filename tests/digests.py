"""The digests of the suite `regression`, committed as a line a trial: nobody changes a bit unknowingly.

    python tests/digests.py           compare; exit code 1 when a line differs
    python tests/digests.py --write   rewrite tests/digests.txt and print what changed

A line holds problem, rule, schedule, dtype and the first 16 hexadecimal digits of the digest, with tabs between them.
"""

import sys
import tempfile
from pathlib import Path

import gdbench

FILE = Path(__file__).with_name("digests.txt")
NAMES = ["problem", "rule", "schedule", "dtype"]
DIGITS = 16


def measured() -> dict[str, str]:
    """Each trial's digest by what the trial is."""
    with tempfile.TemporaryDirectory() as folder:
        trials = gdbench.run("regression", store=Path(folder) / "digests.db", time=False).trials
    labels = ["\t".join(row) for row in trials[NAMES].itertuples(index=False)]
    digests = trials["digest"].fillna("failed").str.slice(0, DIGITS)
    return dict(sorted(zip(labels, digests, strict=True)))


def committed() -> dict[str, str]:
    """What the file says."""
    if not FILE.exists():
        return {}
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.rsplit("\t", 1) for line in lines)


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """One line for each trial that differs, is new or is gone."""
    return [
        f"{label.expandtabs(2)}: {before.get(label, 'new')} -> {after.get(label, 'gone')}"
        for label in sorted({*before, *after})
        if before.get(label) != after.get(label)
    ]


def main(arguments: list[str]) -> int:
    """Compare or rewrite; returns the exit code."""
    before, after = committed(), measured()
    different = changes(before, after)
    for line in different:
        print(line)  # noqa: T201
    print(f"{len(after)} trials, {len(different)} differ from {FILE.name}")  # noqa: T201
    if arguments == ["--write"]:
        text = "".join(f"{label}\t{digest}\n" for label, digest in after.items())
        temporary = FILE.with_suffix(".new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(FILE)
        return 0
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
