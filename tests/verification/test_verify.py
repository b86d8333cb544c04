"""`gdbench verify`: it passes here, each planted fault is caught by the check that is named, and the command tells."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from rule_table import ROWS

from gdbench.cli import main
from gdbench.errors import UsageError
from gdbench.kernels import FUNCTIONS, MLP, RULES, Rule
from gdbench.kernels.compile.jit import DISABLED, inlined
from gdbench.kernels.loop import sampling
from gdbench.kernels.networks.mlp import Training
from gdbench.kernels.rules import schedules
from gdbench.machine import environment
from gdbench.verification import checks, compiling, peers
from gdbench.verification.checks import compare
from gdbench.verification.families import CHECKS, verify


@pytest.fixture(scope="module")
def whole():
    """Every row of the command, as JSON."""
    done = subprocess.run([sys.executable, "-m", "gdbench", "verify", "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def call(capsys, *arguments):
    """Exit code, standard output and standard error of the command."""
    with pytest.raises(SystemExit) as ended:
        main(["verify", *map(str, arguments)])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def failed(name):
    """The rows of a check that fail."""
    return [row for row in verify([name]) if row.verdict == "failed"]


@pytest.mark.slow
def test_verify_passes_and_shows_every_check(whole):
    assert {row["verdict"] for row in whole} <= {"ok", "skipped"}
    ours = [name for name, item in CHECKS.items() if item.backend == "cpu"]
    assert [name for name in ours if name not in {row["check"] for row in whole}] == []
    assert set(whole[0]) == {"check", "source", "what", "expected", "measured", "tolerance", "verdict", "reason"}
    assert all(row["reason"].startswith("not installed") for row in whole if row["verdict"] == "skipped")
    assert len({(row["check"], row["what"]) for row in whole}) == len(whole)


def test_every_rule_of_pytorch_is_beside_it():
    assert {rule for rule, *_ in peers.TORCH} == {name for name, row in ROWS.items() if row.torch}


# The planted faults. Each function puts one where the real thing stands.


def faulty_rule(name, function, derive=None):
    """Plants a copy of a rule that computes something else."""

    def plant(monkeypatch):
        real = RULES[name]
        derived = real.derive if derive is None else inlined(derive)
        monkeypatch.setitem(
            RULES,
            name,
            Rule(
                *(name, function or real.function, real.defaults),
                derived=real.derived,
                derive=derived,
                slots=real.slots,
            ),
        )

    return plant


def uncorrected(t, lr, beta1, beta2, eps, weight_decay, bias_correction):
    return 1.0 - beta1, 1.0 - beta2, lr, 1.0


def not_squared(p, g, m, v, c):
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g
    return p - c.step * m / (math.sqrt(v) / c.root + c.eps), m, v


def not_looking_ahead(p, g, v, c):
    v = c.momentum * v + g
    return p - c.lr * v, v


def eps_inside(p, g, m, v, c):
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    return p - c.step * m / math.sqrt(v / (c.root * c.root) + c.eps), m, v


def coupled(p, g, m, v, c):
    g = g + c.weight_decay * p
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    return p - c.step * m / (math.sqrt(v) / c.root + c.eps), m, v


def wrong_sign_in_a_function(monkeypatch):
    def hessian(x, out):
        out[0, 0] = out[1, 1] = 10.0
        out[0, 1] = out[1, 0] = -8.0  # 8

    monkeypatch.setitem(FUNCTIONS, "booth", replace(FUNCTIONS["booth"], written_hessian=hessian, source=None))


def wrong_sign_in_a_network(monkeypatch):
    real = MLP.hessian

    def hessian(self, theta, rows=None, work=None):
        out = real(self, theta, rows, work)
        out[0, 0] = -out[0, 0]
        return out

    monkeypatch.setattr(MLP, "hessian", hessian)


def schedule_off_by_one(monkeypatch):
    real = schedules.learning_rates

    def learning_rates(schedule, lr, first, count, total):
        return real(schedule, lr, first + 1, count, total)

    monkeypatch.setattr(schedules, "learning_rates", learning_rates)


def order_reused_in_batch(monkeypatch):
    real = sampling.batch
    monkeypatch.setattr(sampling, "batch", lambda *given, **options: real(*given, **{**options, "reshuffle": False}))


def order_reused_in_training(monkeypatch):
    real = MLP.begin

    def begin(self, **options):
        training = real(self, **options)
        training.batches = training.batches._replace(reshuffle=False)
        return training

    monkeypatch.setattr(MLP, "begin", begin)


def short_batch_over_full_size_in_gradient(monkeypatch):
    real = MLP.gradient

    def gradient(self, theta, rows=None, work=None):
        share = 1.0 if rows is None else len(rows) / 32
        return real(self, theta, rows, work) * share

    monkeypatch.setattr(MLP, "gradient", gradient)


def short_batch_over_full_size_in_training(monkeypatch):
    real = Training.advance

    def advance(self, update, state, table, **options):
        for row in table:
            rows = self.problem.batch(self.batches.seed, self.steps + 1, self.batches.size)
            before = self.theta.copy()
            real(self, update, state, row[None])
            self.theta[:] = before + (self.theta - before) * (rows.size / self.batches.size)  # sgd is linear in g

    monkeypatch.setattr(Training, "advance", advance)


def l2_on_biases(monkeypatch):
    real = MLP.gradient

    def gradient(self, theta, rows=None, work=None):
        out = real(self, theta, rows, work)
        out[-self.sizes[-1] :] += self.network.l2 * theta[-self.sizes[-1] :]
        return out

    monkeypatch.setattr(MLP, "gradient", gradient)


FAULTS = {
    "no bias correction in adam": (faulty_rule("adam", None, uncorrected), "adam-first-step"),
    "squared gradient not squared": (faulty_rule("adam", not_squared), "adam-first-step"),
    "nesterov's gradient at the wrong point": (faulty_rule("nesterov", not_looking_ahead), "nesterov-edge"),
    "eps inside the root": (faulty_rule("adam", eps_inside), "eps-placement"),
    "weight decay coupled in adamw": (faulty_rule("adamw", coupled), "adamw-decoupled-decay"),
    "wrong sign in a function's Hessian": (wrong_sign_in_a_function, "function-hessians"),
    "wrong sign in a network's Hessian": (wrong_sign_in_a_network, "network-hessians"),
    "schedule off by one": (schedule_off_by_one, "schedules"),
    "batch order reused every epoch": (order_reused_in_batch, "batches"),
    "batch order reused by the training loop": (order_reused_in_training, "training-loop"),
    "short batch scaled by the full size": (short_batch_over_full_size_in_gradient, "short-batch"),
    "short batch scaled so by the training loop": (short_batch_over_full_size_in_training, "training-loop"),
    "l2 on biases": (l2_on_biases, "l2-weights-only"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_by_the_check_that_is_named(fault, whole, monkeypatch):
    plant, name = FAULTS[fault]
    assert {row["verdict"] for row in whole if row["check"] == name} == {"ok"}
    plant(monkeypatch)
    rows = failed(name)
    assert rows and not any(row.reason for row in rows)  # the number is wrong; the check itself does not break


def test_the_command_tells_what_failed_and_exits_with_3(capsys, monkeypatch):
    faulty_rule("adamw", coupled)(monkeypatch)
    code, out, _ = call(capsys, "adamw-decoupled-decay", "gradient-descent-edge")
    (line,) = [line for line in out.splitlines() if "failed" in line and line.startswith("adamw")]
    assert code == 3 and "Loshchilov" in line and "4 rows of 2 checks, 1 failed, 0 skipped in" in out
    code, out, _ = call(capsys, "adamw-decoupled-decay", "--json")
    (row,) = json.loads(out)
    assert code == 3 and row["verdict"] == "failed" and row["expected"] == 1.0 != row["measured"]


def test_a_family_can_be_named_and_an_unknown_name_is_one_sentence(capsys):
    assert {row.check for row in verify(["failures"])} == {"adam-fails"}
    code, out, err = call(capsys, "adam-first-stp")
    assert code == 2 and out == ""
    assert err.strip() == "error: unknown check 'adam-first-stp'; did you mean 'adam-first-step'?"
    with pytest.raises(UsageError, match="unknown check ''"):
        list(verify([""]))


def test_without_a_peer_its_rows_are_skipped_with_a_reason(capsys, monkeypatch):
    monkeypatch.setattr(environment, "find_spec", lambda module: None)
    code, out, _ = call(capsys, "peers", "--json")
    rows = json.loads(out)
    assert code == 0 and len(rows) == len(peers.TORCH) + len(peers.OPTAX)
    assert {row["reason"] for row in rows} == {"not installed: torch", "not installed: jax, optax"}


@pytest.mark.needs("torch")
def test_pytorchs_default_dtype_is_what_it_was(monkeypatch):
    import torch

    monkeypatch.setattr(peers, "TORCH", [("sgd", {}), ("lion", {})])
    ok, broken = verify(["pytorch"])
    assert ok.verdict == "ok" and "has no lion" in broken.reason
    assert torch.get_default_dtype() == torch.float32


def test_a_check_that_breaks_has_failed_and_the_next_one_runs(monkeypatch):
    def broken():
        yield compare("one", expected=1.0, measured=1.0, tolerance=0.0)
        raise ValueError("it\nbroke")

    monkeypatch.setitem(CHECKS, "adam-fails", replace(CHECKS["adam-fails"], function=broken))
    rows = list(verify(["adam-fails", "deepobs-problem"]))
    assert [row.verdict for row in rows[:3]] == ["ok", "failed", "ok"] and rows[1].reason == "ValueError: it broke"


def test_a_row_is_ok_within_its_tolerance_alone():
    def verdict(expected, measured):
        return compare("", expected=expected, measured=measured, tolerance=0.5).verdict

    assert [verdict(1.0, x) for x in (0.5, 1.5, 1.6, math.nan, math.inf)] == ["ok", "ok", "failed", "failed", "failed"]
    assert math.isnan(checks.farthest([1.0, 9.0, math.nan], 1.0)) and checks.farthest([1.0, 3.0, 2.0], 1.0) == 3.0
    assert math.isnan(checks.difference(np.array([1.0, math.nan]), np.ones(2)))
    assert checks.difference(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == 0.25


PLUGIN = """
import gdbench

@gdbench.function(dimension=1)
def bowl(x):
    return x[0] * x[0]

@bowl.gradient
def _(x, out):
    out[0] = x[0]  # 2 x

@gdbench.rule(lr=0.1)
def mine(p, g, c):
    return p - c.lr * g
"""


def test_rules_and_functions_of_plug_ins_are_checked_too(capsys, monkeypatch, tmp_path):
    for registry in (RULES, FUNCTIONS):  # what the plug-in registers is gone afterwards
        for name in ("mine", "bowl"):
            monkeypatch.setitem(registry, name, None)
            del registry[name]
    (tmp_path / "mine.py").write_text(PLUGIN)
    code, out, _ = call(capsys, "function-gradients", "chunks", "--plugin", tmp_path / "mine.py", "--json")
    verdicts = {row["what"].partition(":")[0]: row["verdict"] for row in json.loads(out)}
    assert code == 3 and verdicts.pop("bowl") == "failed" and verdicts["mine"] == "ok"
    assert set(verdicts.values()) == {"ok"}


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_what_is_compiled_ahead_compiles():
    with compiling.compiled_ahead(wanted=True) as ready:
        assert ready() == 0
    with compiling.compiled_ahead(wanted=False) as ready:
        assert ready() is None


def test_families_run_in_their_order_whichever_is_imported_first():
    code = "import {first}; from gdbench.verification.families import CHECKS; print(*CHECKS)"
    orders = {
        subprocess.run(
            [sys.executable, "-c", code.format(first=first)], capture_output=True, text=True, check=True
        ).stdout
        for first in ("gdbench", "gdbench.verification.peers", "gdbench.verification.networks")
    }
    assert len(orders) == 1 and orders.pop().split() == list(CHECKS)
