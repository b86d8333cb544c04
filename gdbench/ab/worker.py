"""The worker process of one side of `gate --ab`: it trains a suite's trials, and takes its steps on command.

    python -m gdbench.ab.worker

It reads one JSON object per line, `{"do": NAME, ...}`, and answers each with a line: `{"done": answer}` or
`{"error": sentence, "exit_code": code}`. It runs in the environment of its side, perhaps with another gdbench than the
command's. `PROTOCOL` is the version of these commands and answers; every change of them raises it.
"""

import gc
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from gdbench.errors import GdbenchError, UsageError

PROTOCOL = 3


class WorkerCommands:
    """The commands of the worker; each method is one."""

    def __init__(self) -> None:
        self.plan: Any = None
        self.subjects: dict[str, Any] = {}

    def hello(self, plugins: Sequence[str]) -> dict[str, Any]:
        """Load plug-ins; returns `protocol`, `version`, `file` and `code` of this gdbench."""
        import gdbench
        from gdbench import plugins as loader
        from gdbench.runner.code import code_hash

        loader.load_installed()
        for file in plugins:
            loader.load_file(file)
        return {
            "protocol": PROTOCOL,
            "version": gdbench.__version__,
            "file": str(Path(gdbench.__file__).resolve()),
            "code": code_hash(),
        }

    def train(self, suite: str, overrides: Sequence[str], path: str) -> None:
        """Run the suite on the CPU, and export the run to `path` as JSON."""
        from gdbench import suites
        from gdbench.results.export import export
        from gdbench.results.frames import frames_of
        from gdbench.runner import run_suite
        from gdbench.stats import choose
        from gdbench.store import Store

        store = Store(f"{path}.db")
        run = run_suite(suites.load(suite, overrides=overrides), store, choose=choose, backend="cpu", timing=False)
        export(frames_of(store.read(store.find(run).run)), Path(path), "json")

    def prepare(self, suite: str, overrides: Sequence[str]) -> dict[str, Any]:
        """Build the step of each problem, rule, batch size and dtype, and take each once.

        Returns `subjects`, their facts, and `variants`, how many compiled functions they needed.

        The cost of a step does not depend on the learning rate, the schedule or the seed, and clipping only adds to it.
        So one setting stands for all.
        """
        from gdbench.runner.closing import Chosen, closing_plan
        from gdbench.stats.timings import REFERENCES

        self.plan = closing_plan([Chosen(setting, math.inf) for setting in _settings(suite, overrides)], 1)
        self.subjects = {each.name: each for each in self.plan.subjects if each.part not in REFERENCES}
        for subject in self.subjects:
            self._take(subject, 1)
        return {"subjects": [subject.facts() for subject in self.subjects.values()], "variants": variants()}

    def registers(self, suite: str, overrides: Sequence[str]) -> list[dict[str, Any]]:
        """The registers that a thread of each rule's update needs on an H100: rows of `rule`, `dtype`, `registers`.

        No GPU is needed. Raises GdbenchError if CUDA's compiler is missing.
        """
        from gdbench.kernels.compile import cuda
        from gdbench.kernels.gpu import cubin, offline
        from gdbench.kernels.gpu.large import kernels as large_kernels
        from gdbench.kernels.rules.contract import is_scalar
        from gdbench.kernels.rules.registry import find

        missing = cuda.missing_compiler() or cubin.missing_reader()
        if missing:
            raise GdbenchError(f"registers cannot be counted: {missing}")
        settings = _settings(suite, overrides)
        kinds = {(s.rule, s.definition["rule"], s.definition["dtype"]): None for s in settings}
        found = []
        for label, name, dtype in kinds:
            rule = find(name)
            if is_scalar(rule):
                update, capability = large_kernels.update(rule, dtype), offline.H100.capability
                subject = offline.Subject(update, capability, dtype, len(rule.slots))
                found.append({"rule": label, "dtype": dtype, "registers": offline.examine(subject).needs.registers})
        return found

    def launches(self, suite: str, overrides: Sequence[str]) -> list[dict[str, Any]]:
        """The kernels that a step launches on an H100 that trains one trial at a time; needs neither a GPU nor CUDA.

        Returns a row for each network and scalar rule: `problem`, `rule`, `batch_size`, `dtype`, `launches`.
        """
        from gdbench.data.problems import build
        from gdbench.kernels.gpu.large.engine import launches
        from gdbench.kernels.gpu.offline import H100
        from gdbench.kernels.gpu.trials import GpuTrial
        from gdbench.kernels.networks.mlp import is_network
        from gdbench.kernels.rules.contract import is_scalar
        from gdbench.kernels.rules.registry import find
        from gdbench.runner.trajectory import batch_size, clipping
        from gdbench.timing.rates import Constant

        found = []
        for setting in _settings(suite, overrides):
            definition = setting.definition
            problem, rule = build(definition["problem"], definition["dtype"]), find(definition["rule"])
            if is_network(problem) and is_scalar(rule):
                size = batch_size(definition)
                gpu_trial = GpuTrial(
                    rule, rule.defaults, Constant(0.0), "", 0, size, steps=1, points=(0,), **clipping(definition)
                )  # fmt: skip
                facts = {"problem": setting.problem, "rule": setting.rule, "batch_size": size}
                count = len(launches(problem, gpu_trial, H100))
                found.append({**facts, "dtype": definition["dtype"], "launches": count})
        return found

    def renew(self) -> None:
        """Build all steps again, elsewhere in memory."""
        self.subjects |= {subject.name: subject for subject in self.plan.renew()}

    def enough(self, subject: str, least: float) -> int:
        """The number of steps that take at least `least` seconds."""
        from gdbench.timing.sampling import calibrated

        return calibrated(self._clock(subject), least)[0]

    def visit(self, subject: str, steps: int, samples: int) -> list[float]:
        """The seconds of each of `samples` samples of `steps` steps."""
        from gdbench.timing.sampling import visit

        return visit(self._clock(subject), steps, samples)

    def _clock(self, subject: str) -> Callable[[int], float]:
        from gdbench.timing.sampling import by_the_clock

        return by_the_clock(partial(self._take, subject))

    def _take(self, subject: str, steps: int) -> None:
        """Take steps. If a rule raises UsageError in them, that is a failure, as in a trial, and not wrong usage."""
        try:
            self.subjects[subject].run(steps)
        except UsageError as error:
            raise GdbenchError(str(error)) from error


def _settings(suite: str, overrides: Sequence[str]) -> list[Any]:
    """The setting with the most work of each problem, rule, batch size and dtype: the first with the most clipping."""
    from gdbench import suites
    from gdbench.runner.trajectory import clipping

    most: dict[Any, Any] = {}
    for setting in suites.load(suite, overrides=overrides).settings:
        definition = setting.definition
        names = (setting.problem, setting.rule, definition["batch_size"], definition["dtype"])
        work = sum(map(bool, clipping(definition).values()))
        if names not in most or work > most[names][0]:
            most[names] = work, setting
    return [setting for _, setting in most.values()]


def variants() -> int:
    """How many variants of gdbench's and plug-ins' functions this process has compiled or loaded from the cache."""
    from gdbench.kernels.compile.numba_internals import Dispatcher

    functions = [each for each in gc.get_objects() if issubclass(type(each), Dispatcher)]
    return sum(len(each.overloads) for each in functions if each.py_func.__module__.startswith("gdbench"))


def serve(asked: TextIO, answers: TextIO) -> None:
    """Answer commands until the input ends."""
    commands = WorkerCommands()
    for line in asked:
        question = json.loads(line)
        try:
            answer = {"done": getattr(commands, question.pop("do"))(**question)}
        except GdbenchError as error:
            answer = {"error": str(error), "exit_code": error.exit_code}
        except Exception as error:
            sentence = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            answer = {"error": sentence, "exit_code": GdbenchError.exit_code}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serve standard input. Other prints are dropped, since standard output is for the answers alone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
