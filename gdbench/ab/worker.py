"""The process of one side of `gate --ab`: trains a suite's trials, and takes its steps when it is told to.

    python -m gdbench.ab.worker

Reads a JSON object a line, `{"do": NAME, ...}`, and answers each with a line: `{"done": answer}` or
`{"error": sentence, "exit_code": code}`. It runs in the environment of its side, maybe with another version of gdbench
than the command that asks: what it is asked and answers is `PROTOCOL`, which rises with every change of it.
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
    """What can be asked for, by the names of the methods."""

    def __init__(self) -> None:
        self.plan: Any = None
        self.subjects: dict[str, Any] = {}

    def hello(self, plugins: Sequence[str]) -> dict[str, Any]:
        """Load plug-ins; who answers."""
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
        """Run the suite on the CPU, and export what came of it as JSON."""
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
        """Build the steps of each problem, rule, batch size and dtype, and take each once; `subjects` are their facts.

        `variants`: how many compiled functions this has taken.

        A step costs the same whatever the learning rate, the schedule and the seed are, and most where gradients are
        clipped, so one setting stands for all.
        """
        from gdbench.runner.closing import Chosen, closing_plan
        from gdbench.stats.timings import REFERENCES

        self.plan = closing_plan([Chosen(setting, math.inf) for setting in _settings(suite, overrides)], 1)
        self.subjects = {each.name: each for each in self.plan.subjects if each.part not in REFERENCES}
        for subject in self.subjects:
            self._take(subject, 1)
        return {"subjects": [subject.facts() for subject in self.subjects.values()], "variants": variants()}

    def registers(self, suite: str, overrides: Sequence[str]) -> list[dict[str, Any]]:
        """What a thread of each rule's update needs on an H100: `rule`, `dtype`, `registers`.

        Raises GdbenchError where CUDA's compiler is missing; a GPU is not needed.
        """
        from gdbench.kernels.compile import cuda
        from gdbench.kernels.gpu import offline
        from gdbench.kernels.gpu.large import kernels as large_kernels
        from gdbench.kernels.rules.contract import is_scalar
        from gdbench.kernels.rules.registry import find

        missing = cuda.missing_compiler()
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
        """How many kernels a step launches on an H100 that takes one trial at a time; neither it nor CUDA is needed.

        Of each network and scalar rule: `problem`, `rule`, `batch_size`, `dtype`, `launches`.
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
                    rule, rule.defaults, Constant(0.0), "", 0, size, steps=1, points=(0,), stop=None,
                    **clipping(definition),
                )  # fmt: skip
                facts = {"problem": setting.problem, "rule": setting.rule, "batch_size": size}
                count = len(launches(problem, gpu_trial, H100))
                found.append({**facts, "dtype": definition["dtype"], "launches": count})
        return found

    def renew(self) -> None:
        """Build all steps anew, elsewhere in memory."""
        self.subjects |= {subject.name: subject for subject in self.plan.renew()}

    def enough(self, subject: str, least: float) -> int:
        """How many steps take `least` seconds."""
        from gdbench.timing.sampling import calibrated

        return calibrated(self._clock(subject), least)[0]

    def visit(self, subject: str, steps: int, samples: int) -> list[float]:
        """The seconds of each of `samples` samples of so many steps."""
        from gdbench.timing.sampling import visit

        return visit(self._clock(subject), steps, samples)

    def _clock(self, subject: str) -> Callable[[int], float]:
        from gdbench.timing.sampling import by_the_clock

        return by_the_clock(partial(self._take, subject))

    def _take(self, subject: str, steps: int) -> None:
        """Take steps. What a rule raises in them is no mistake of who asked, but a failure, as in a trial."""
        try:
            self.subjects[subject].run(steps)
        except UsageError as error:
            raise GdbenchError(str(error)) from error


def _settings(suite: str, overrides: Sequence[str]) -> list[Any]:
    """The setting of each problem, rule, batch size and dtype that has most to do: the first with most clipping."""
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
    """How many variants of our functions, and of plug-ins', this process has compiled, or loaded from the cache."""
    from gdbench.kernels.compile.numba_internals import Dispatcher

    functions = [each for each in gc.get_objects() if issubclass(type(each), Dispatcher)]
    return sum(len(each.overloads) for each in functions if each.py_func.__module__.startswith("gdbench"))


def serve(asked: TextIO, answers: TextIO) -> None:
    """Answer until nothing more is asked."""
    commands = WorkerCommands()
    for line in asked:
        question = json.loads(line)
        try:
            answer = {"done": getattr(commands, question.pop("do"))(**question)}
        except GdbenchError as error:
            answer = {"error": str(error), "exit_code": error.exit_code}
        except Exception as error:
            told = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            answer = {"error": told, "exit_code": GdbenchError.exit_code}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serve standard input; what else is printed goes nowhere, since standard output holds the answers alone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
