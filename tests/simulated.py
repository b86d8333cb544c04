"""Trials of the sweep's kernel in numba-cuda's simulator beside the CPU's, in a process of its own.

    NUMBA_ENABLE_CUDASIM=1 NUMBA_DISABLE_JIT=1 python tests/simulated.py

prints, for every name in CASES, what differs (nothing) and what the launches were, as JSON.
"""

import contextlib
import json
import sys
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from network_table import ACTIVATIONS, LOSSES
from rule_table import ROWS

THREADS = 8  # of a block: a barrier takes the simulator milliseconds
NEAR = 232_448  # bytes of shared memory of a block: all lies there
APART, FAR = 3_000, 1_200  # room for the activations of the networks below alone, and for nothing
MIXED = tuple(sorted(ROWS))


@dataclass(frozen=True)
class Case:
    """Trials of an engine: one for each rule, seed and batch size, with all else the same."""

    problem: dict[str, Any] = field(default_factory=dict)
    rules: tuple[str, ...] = ("sgd",)
    seeds: tuple[int, ...] = (0,)
    batches: tuple[int, ...] = (4,)
    steps: int = 2
    points: tuple[int, ...] = (0, 2)
    lr: float = 0.05
    options: dict[str, float] = field(default_factory=dict)
    shared: int = NEAR  # bytes that the GPU has
    rows: int = 64  # samples at a time, at most
    orders: int = 2**28  # bytes of permutations of a launch
    guarded: bool = False  # whether a step that may have diverged ends its trial
    end: int | None = None  # a trial that is ended after the first launch
    scope: tuple[int | None, bool] = (None, True)  # what evaluations are over: training samples, and the gradient


CASES = {
    # Rules
    "all rules": Case({"hidden": (2,), "others": (0, 0)}, MIXED, points=(0, 2)),
    "schedule over launches": Case(rules=("adam", "nadam"), steps=13, points=(0, 11, 13), batches=(13,)),
    # Activations, losses and depths; other nets are relu, cross-entropy, one hidden layer
    "no hidden layer": Case({"hidden": (), "loss": "mse"}, batches=(13,)),
    "leaky-relu": Case({"activation": "leaky-relu", "loss": "mse", "l2": 0.1, "hidden": (4, 3)}),
    "tanh": Case({"activation": "tanh", "loss": "huber", "hidden": (2, 3, 4)}, ("adam",), batches=(1,)),
    "sigmoid": Case({"activation": "sigmoid", "loss": "binary-cross-entropy"}, options={"clip_norm": 0.05}),
    "gelu": Case({"activation": "gelu", "loss": "huber", "hidden": (6, 5)}, options={"clip_value": 0.01}),
    "identity": Case({"activation": "identity", "outputs": 1, "loss": "binary-cross-entropy", "l2": 0.01}),
    "one output": Case({"activation": "relu", "outputs": 1, "loss": "mse"}, ("momentum",), batches=(5,)),
    # Batches
    "batch of one": Case(batches=(1,), steps=3, points=(0, 3)),
    "several sizes and seeds": Case(seeds=(0, 7), batches=(3, 5), steps=3, points=(0, 3)),
    "short last batch left out": Case({"drop_last": True}, steps=4, points=(0, 4)),
    "shuffled once": Case({"shuffle": "once"}, steps=5, points=(0, 5)),
    "no other splits": Case({"others": (0, 0)}),
    "only a test split": Case({"others": (0, 3)}),
    "pieces of a batch": Case(batches=(13,), rows=4, options={"clip_norm": 0.1, "clip_value": 0.02}),
    "more samples than a chunk": Case({"n": 270, "hidden": ()}, steps=1, points=(0, 1), batches=(270,)),
    "more parameters than threads have chunks": Case(
        {"hidden": (240,), "others": (0, 0)}, steps=1, points=(0, 1), batches=(2,), options={"clip_norm": 0.1}
    ),
    # Where things lie, in either dtype
    "float64": Case({"dtype": "float64"}, ("adam",)),
    "activations near": Case({"hidden": (17,)}, ("adam",), (0, 1), shared=APART),
    "float64, activations near": Case({"hidden": (11,), "dtype": "float64"}, ("adam",), shared=APART),
    "nothing near": Case({"activation": "gelu"}, ("adam",), (0, 1), shared=FAR),
    "float64, nothing near": Case({"dtype": "float64", "loss": "mse"}, ("rmsprop",), (0, 1), shared=FAR + 700),
    # What the host does
    "few permutations a launch": Case(seeds=(0, 1), batches=(5,), steps=8, points=(0, 3, 8), orders=4 * 4 * 13),
    "guarded": Case({"loss": "mse"}, steps=6, points=(0, 3, 6), guarded=True),
    "suspect": Case({"loss": "mse", "activation": "identity"}, steps=9, points=(*range(9), 9), lr=30.0, guarded=True),
    "not finite": Case({"hidden": (), "loss": "mse"}, steps=1, points=(0, 1), batches=(13,), lr=np.inf, guarded=True),
    "evaluated over a part": Case({"loss": "mse"}, steps=3, points=(0, 1, 3), scope=(5, False)),
    "evaluated over a part, with the gradient": Case(batches=(13,), scope=(1, True)),
    "evaluated without the gradient": Case({"others": (0, 3)}, scope=(None, False)),
    "ended": Case(seeds=(0, 1), batches=(13,), steps=12, points=(0, 4, 12), end=1),
}
# Activations and losses of no case above, in which what is not named is a relu and cross-entropy.
CASES |= {
    name: Case({kind: name})
    for kind, table, usual in (("activation", ACTIVATIONS, "relu"), ("loss", LOSSES, "cross-entropy"))
    for name in table
    if all(case.problem.get(kind, usual) != name for case in CASES.values())
}


def problem(
    *, n=13, outputs=3, others=(4, 2), hidden=(4,), activation="relu", loss="cross-entropy", l2=0.0, shuffle="epoch",
    drop_last=False, dtype="float32",
):  # fmt: skip
    """A network on five random features."""
    from gdbench.kernels import MLP, Samples
    from gdbench.kernels.networks.losses import LOSSES

    rng = np.random.default_rng(0)

    def split(count):
        x, labels = rng.standard_normal((count, 5)).astype(dtype), rng.integers(0, max(2, outputs), count)
        if not LOSSES[loss].classes:
            return Samples(x, np.zeros(0, np.int64), rng.standard_normal((count, outputs)).astype(dtype))
        targets = labels[:, None] if outputs == 1 else np.eye(outputs)[labels]
        return Samples(x, labels, targets[: 0 if LOSSES[loss].by_label else count].astype(dtype))

    options = {"l2": l2, "init": "glorot-normal", "shuffle": shuffle, "drop_last": drop_last, "dtype": dtype}
    splits = [split(count) for count in (n, *others)]
    return MLP(splits, outputs, hidden=hidden, activation=activation, loss=loss, **options)


def rates(lr, first, count):
    """A schedule."""
    return lr / (1.0 + 0.1 * np.arange(first, first + count))


def run(case):
    """What differs from the CPU, and what the host decided."""
    from gdbench.kernels import RULES
    from gdbench.kernels.gpu.sweep import engine as sweep_engine
    from gdbench.kernels.gpu.sweep import planning
    from gdbench.kernels.problem import Scope

    gpu = replace(sweep_engine.cuda.gpu(), shared=case.shared, shared_together=case.shared)
    net, lrs = problem(**case.problem), partial(rates, case.lr)
    gpu_trials = [
        sweep_engine.GpuTrial(
            RULES[rule], RULES[rule].with_defaults({}), lrs, (rule,), seed, batch, case.steps, case.points,
            bound=net.begin(seed=seed, batch_size=batch).bound if case.guarded else np.inf, **case.options,
        )
        for rule in case.rules for seed in case.seeds for batch in case.batches
    ]  # fmt: skip
    with mock.patch.object(sweep_engine.cuda, "gpu", lambda: gpu), mock.patch.object(planning, "ROWS", case.rows):
        engine = sweep_engine.SweepEngine(net, gpu_trials, scope=Scope(*case.scope))
    launches, found = [], {}
    launch = engine.kernel.launch

    def noted(blocks, shared, *given):
        launches.append({"blocks": blocks, "count": given[13], "tables": len(given[3]), "orders": len(given[4])})
        launch(blocks, shared, *given)

    with mock.patch.object(engine.kernel, "launch", noted), mock.patch.object(sweep_engine, "ORDERS", case.orders):
        while engine.running:
            for evaluation in engine.advance():
                found[evaluation.gpu_trial, evaluation.step] = [*evaluation.values, evaluation.lr]
            if case.end is not None:
                engine.end(case.end)
    wrong = []
    for i, gpu_trial in enumerate(gpu_trials):
        if engine.suspect(i):
            continue
        training = net.begin(
            seed=gpu_trial.seed, batch_size=gpu_trial.batch_size, scope=Scope(*case.scope), **case.options
        )
        expected, taken = alone(case, gpu_trial, training, i == case.end and 10)  # the steps of the first launch
        mine = {step: found[m, step] for m, step in found if m == i}
        wrong += [
            f"{gpu_trial.rule.name}, gpu_trial {i}, step {step}: {mine.get(step)}, not {expected.get(step)}"
            for step in sorted({*expected, *mine})
            if not np.array_equal(expected.get(step, ()), mine.get(step, ()), equal_nan=True)
        ]
        if not np.array_equal(engine.theta(i), training.theta, equal_nan=True):
            wrong.append(f"{gpu_trial.rule.name}, gpu_trial {i}: parameters after {taken} steps")
    near, rows = engine.plan.near, engine.plan.layout.rows
    suspects = [engine.suspect(i) for i in range(len(gpu_trials))]
    return {
        "wrong": wrong,
        "launches": launches,
        "evaluations": len(found),
        "near": near,
        "rows": rows,
        "suspects": suspects,
    }


def alone(case, gpu_trial, training, last):
    """The evaluations of a trial on the CPU up to its end, and how many steps it took; last: when it is ended."""
    from gdbench.kernels.directions.stepper import begin

    stepper = begin(gpu_trial.rule, gpu_trial.hyperparameters, training, gpu_trial.rates)
    found = {}
    for step in case.points:
        if last and step > last:
            stepper.advance(last - training.steps)
            break
        if step > training.steps:
            stepper.advance(step - training.steps)
        values = list(training.evaluate())
        number = training.theta.dtype.type
        values[-1] = float(number(values[-1]))  # the norm, a number of Python's without the compiler
        found[step] = [*values, stepper.lr]
    return found, training.steps


def main():
    """Every case, or those named."""
    from gdbench.kernels.compile import cuda
    from gdbench.kernels.gpu.sweep import planning

    assert cuda.SIMULATED
    planning.THREADS = {4: {THREADS: 4}, 8: {THREADS: 2}}
    found = {}
    for name in sys.argv[1:] or CASES:
        started = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):
            found[name] = run(CASES[name])
        print(f"{time.perf_counter() - started:.1f} s {name}", file=sys.stderr, flush=True)  # noqa: T201
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
