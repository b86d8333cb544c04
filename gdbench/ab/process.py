"""The command's side of a worker process (gdbench/ab/worker.py).

with Process(place, plugins=[...]) as process:
    facts = process.ask("prepare", suite="quick", overrides=[])
"""

import json
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Timer
from typing import Any

from gdbench.ab.places import Checkout
from gdbench.ab.worker import PROTOCOL
from gdbench.errors import GdbenchError
from gdbench.machine.processes import start

# A place may hold an older gdbench, whose worker is gdbench.gate.worker. Git may have left an empty folder `ab` in it,
# so the module is looked for, not only its package.
START = """
from importlib.util import find_spec
from runpy import run_module

moved = find_spec("gdbench.ab") and find_spec("gdbench.ab.worker")
run_module("gdbench.ab.worker" if moved else "gdbench.gate.worker", run_name="__main__")
"""
PATIENCE = 900.0  # seconds for an answer, unless it trains; compiling everything takes less than two minutes


class SideError(GdbenchError):
    """A side of a comparison cannot be run.

    Its exit code is 3, since nothing was measured, or the one of the error that the worker reported.
    """

    def __init__(self, message: str, exit_code: int = GdbenchError.exit_code) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Process:
    """A worker process in a place. Its methods raise SideError, one sentence that names the place, for any failure.

    plugins: files that it loads. patience: seconds after which a process that does not answer is ended.
    """

    def __init__(self, place: Checkout, plugins: Sequence[Path], patience: float = PATIENCE) -> None:
        self.place, self.patience = place, patience
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # closed by `close`
        try:
            self._process = start(
                START,
                python=place.python,
                environment=place.variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            self._errors.close()
            raise SideError(f"{place.name}: {place.python} cannot be run ({error.strerror})") from None
        self.tell("hello", plugins=[str(file) for file in plugins])

    def greeted(self) -> dict[str, Any]:
        """Its answer to `hello`: protocol, version, file, code. Raises SideError for another protocol or gdbench."""
        facts: dict[str, Any] = self.answer()
        if facts["protocol"] != PROTOCOL:
            raise SideError(
                f"{self.place.name}: its gdbench {facts['version']} speaks protocol {facts['protocol']} and this one "
                f"{PROTOCOL}; compare versions that are nearer to each other"
            )
        if self.place.shadow and not Path(facts["file"]).is_relative_to(self.place.shadow.resolve()):
            raise SideError(f"{self.place.name}: {facts['file']} was imported, not what is in {self.place.shadow}")
        return facts

    def ask(self, what: str, **given: Any) -> Any:
        """`tell` and `answer`."""
        self.tell(what, **given)
        return self.answer()

    def work(self, what: str, **given: Any) -> Any:
        """Like `ask`, without a limit of time."""
        self.tell(what, **given)
        return self.answer(patient=True)

    def tell(self, what: str, **given: Any) -> None:
        """Send a command with its arguments; `answer` then waits for the result."""
        assert self._process.stdin is not None
        with suppress(OSError):  # if the process has ended, `answer` reports it
            self._process.stdin.write(json.dumps({"do": what, **given}) + "\n")
            self._process.stdin.flush()

    def answer(self, *, patient: bool = False) -> Any:
        """The answer to the last `tell`. A process that takes too long is ended, unless `patient`."""
        assert self._process.stdout is not None
        late = Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = Timer(threading.TIMEOUT_MAX if patient else self.patience, end)
        timer.daemon = True
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if late.is_set():
            raise SideError(f"{self.place.name}: its process did not answer within {self.patience:g} s and was ended")
        if not line:
            raise SideError(f"{self.place.name}: its process ended{self._how()}")
        try:
            answer = json.loads(line)
        except ValueError:
            raise SideError(
                f"{self.place.name}: its process wrote {line.strip()[:80]!r} in place of an answer"
            ) from None
        if "error" in answer:
            raise SideError(f"{self.place.name}: {answer['error']}", answer["exit_code"])
        return answer["done"]

    def _how(self) -> str:
        """How the process ended, with the last line that it wrote to standard error."""
        code = self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        how = f" by signal {-code}" if code < 0 else f" with exit code {code}"
        return f"{how}: {lines[-1]}" if lines else how

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with suppress(OSError):  # closing sends what is buffered, and the process has ended
                    stream.close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
