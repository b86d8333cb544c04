"""Baselines that were edited, cut, merged and mistyped: `gate --baseline` reads them, or says why not.

Half of them get the hash of what they are now, or none, so that what stands behind it is tried too. One that kept its
hash and was changed must never be compared.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from child import commands
from mutations import of_bytes, of_lines
from stored import BASELINE, begin
from tally import main

from gdbench.gate.baseline import sealed

WAYS = [[], ["--github"], ["--json"], ["--strict"], ["--baseline-lenient"], ["--quiet"], ["--family", "count"]]
CODES = (0, 1, 2, 3, 4)  # a changed count is a regression


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Change a baseline, and compare the run that it is of with it."""
    odd = folder / "odd.txt"
    with commands([*begin(folder), ["gate", "--baseline", f"./{BASELINE}", "--out", "out"]], cwd=folder) as run:
        sound = (folder / BASELINE).read_text(encoding="utf-8")
        while True:
            way = rng.random()
            if way < 0.5:
                content = of_bytes(rng, sound.encode()) if rng.random() < 0.5 else of_lines(rng, sound).encode()
            else:
                content = _unnoticed(rng, sound)
            odd.write_bytes(content)
            options = rng.choice(WAYS)
            outcome = run("gate", "--baseline", "./odd.txt", "latest", "--out", "out", *options, cwd=folder)
            complaint = outcome.complaint(CODES)
            if complaint is None and way < 0.5 and _lines(content) != _lines(sound.encode()) and outcome.code != 2:
                complaint = f"exit code {outcome.code}, though the hash is another's"
            yield complaint and f"{options}: {complaint}, of {content!r}"


def _unnoticed(rng: random.Random, sound: str) -> bytes:
    """A changed one with the right hash, or of the version that had none."""
    lines = of_lines(rng, sound.partition(", sha256")[0]).split("\n")
    if rng.random() < 0.5:
        return sealed(lines).encode("utf-8", "surrogatepass")
    text = "\n".join([*lines, ""]).replace("# gdbench baseline 2", "# gdbench baseline 1")
    return of_bytes(rng, text.encode()) if rng.random() < 0.5 else text.encode()


def _lines(content: bytes) -> bytes:
    return content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").removesuffix(b"\n")


if __name__ == "__main__":
    sys.exit(main("odd baselines", attempts))
