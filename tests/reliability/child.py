"""Commands of gdbench on odd inputs, each in a process of its own that costs a few hundredths of a second.

    with commands(warm=[["list", "rules"]]) as run:
        outcome = run("run", "odd.toml", "--dry-run", cwd=folder)
        outcome.complaint()                 # None, or what a user should not have seen

A process with everything imported is forked for each command. It has 10 s (or `seconds`, after which it is killed) and
1 GB; what it prints comes back. `warm` is run once before, so that the kernels that a command needs are loaded in the
process that is forked. `largest`: bytes beyond which it can write no file.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

SECONDS = 10.0
BYTES = 2**30  # resident, of the whole process
CODES = (0, 2, 3, 4)  # of README; 1 is a regression, which `gate` alone may find
LONGEST = 1000  # characters of a sentence: a few names or paths of 255, and the words between


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code (a string where it was killed), output, seconds and greatest resident bytes."""

    code: int | str
    out: str
    err: str
    seconds: float
    resident: int

    def complaint(self, codes: Sequence[int] = CODES, limit: float = SECONDS) -> str | None:
        """What was wrong with it, in one line; None for success and for one sentence that says what is not."""
        sentence = self.err.strip()
        if self.seconds > limit:
            return f"took more than {limit:g} s"
        if "Traceback (most recent call last)" in self.err:
            return f"traceback: {sentence.splitlines()[-1][:300]}"
        if "this is a bug in gdbench" in self.err:
            return f"a fault that is called one: {sentence.splitlines()[-1][:300]}"
        if self.code not in codes:
            return f"exit code {self.code}: {sentence[-300:]!r}"
        if self.resident > BYTES:
            return f"took {self.resident / 2**30:.1f} GB"
        if self.code == 2:
            last = sentence.splitlines()[-1] if sentence else ""
            if not last.startswith("error: "):
                return f"exit code 2 without a sentence: {sentence[-300:]!r}"
            if len(last) > LONGEST:
                return f"a sentence of {len(last)} characters: {last[:200]!r}"
        odd = next((char for char in self.out + self.err if char != "\n" and unicodedata.category(char) == "Cc"), None)
        return f"prints the control character {odd!r}: {sentence[-300:]!r}" if odd else None


Run = Callable[..., Outcome]


@contextlib.contextmanager
def commands(warm: Sequence[Sequence[str]] = (), cwd: Path | None = None, *, pictures: bool = False) -> Iterator[Run]:
    """A function that runs a command line and gives its outcome: `run(*arguments, cwd=...)`, and what is said above.

    warm: command lines that load what the others need; they must succeed. cwd: where these run. pictures: their pages
    have their figures, which take longer than all the rest.
    """
    server = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None and server.stdout is not None

    def ask(arguments: Sequence[str], cwd: Path, **request: Any) -> Outcome:
        request = {"env": {}, "warm": False, "seconds": SECONDS, "largest": None, "pictures": pictures, **request}
        request |= {"arguments": [*map(os.fsdecode, arguments)], "cwd": str(cwd)}
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that is forked died of {arguments}")
        return Outcome(**json.loads(answer))

    def run(*arguments: str, cwd: Path, **request: Any) -> Outcome:
        return ask(arguments, cwd, **request)

    try:
        for line in warm:
            done = ask(line, cwd or Path.cwd(), warm=True)
            if done.code != 0:
                raise RuntimeError(f"{line} must succeed: {done.err}")
        yield run
    finally:
        server.stdin.close()
        server.wait(timeout=30)
        server.stdout.close()


def _serve() -> None:
    """Answer requests, a JSON document a line, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an import prints is no answer
    import gdbench.api.history
    import gdbench.cli
    import gdbench.gate
    import gdbench.lessons
    import gdbench.reports
    import gdbench.results.export
    import gdbench.results.frames
    import gdbench.suites  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(_warmed(request) if request["warm"] else _forked(request)) + "\n")
        answers.flush()


def _warmed(request: dict[str, Any]) -> dict[str, Any]:
    """Run a command here, where its children will find what it loaded."""
    with tempfile.TemporaryFile() as printed:
        kept = [os.dup(number) for number in (1, 2)]
        for number in (1, 2):
            os.dup2(printed.fileno(), number)
        code = _code(request)
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)
        printed.seek(0)
        return {"code": code, "out": "", "err": printed.read().decode(errors="replace"), "seconds": 0.0, "resident": 0}


def _forked(request: dict[str, Any]) -> dict[str, Any]:
    """Run a command in a child and watch it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                _limit(request["largest"])
                for number, file in ((1, out), (2, err)):
                    os.dup2(file.fileno(), number)
                os.environ.update(request["env"])
                os._exit(_code(request))
            finally:
                os._exit(99)
        ended, status, used = 0, 0, None
        while not ended:
            ended, status, used = os.wait4(child, os.WNOHANG)
            if not ended:
                if time.monotonic() - started > request["seconds"]:
                    os.kill(child, signal.SIGKILL)
                time.sleep(0.002)
        seconds = time.monotonic() - started
        code = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(2**20).decode(errors="replace"))
        return {
            "code": code if code >= 0 else signal.Signals(-code).name,
            "out": texts[0],
            "err": texts[1],
            "seconds": seconds,
            "resident": used.ru_maxrss * 2**10 if used is not None else 0,
        }


def _limit(largest: int | None) -> None:
    """A child that would eat the machine fails by itself: addresses beyond those of its parent are counted."""
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + 2 * BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _code(request: dict[str, Any]) -> int:
    """Run a command line in this process; its exit code."""
    from gdbench.cli import main

    os.chdir(request["cwd"])
    plain = mock.patch("gdbench.reports.page._figures", lambda *_: [])
    try:
        with contextlib.nullcontext() if request["pictures"] else plain:
            main(request["arguments"])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 98
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    return code


if __name__ == "__main__":
    _serve()
