"""The names of metrics, which kernels, suites, stores and pages share, and which way each goes."""

import math

import pytest

import gdbench
from gdbench.kernels.rules.registry import RESERVED
from gdbench.results.metrics import METRICS, OBJECTIVES, TARGETS, rises, worst

PROBLEMS = [
    {"kind": "mlp", "dataset": "iris"},
    {"kind": "mlp", "dataset": "diabetes"},
    {"kind": "function", "function": "rosenbrock"},
    {"kind": "quadratic", "dimensions": 10},
]


@pytest.mark.parametrize("definition", PROBLEMS, ids=lambda definition: definition["kind"])
def test_what_problems_measure_are_metrics_and_the_norm_of_the_gradient(definition):
    columns = gdbench.problem(definition).columns
    assert set(columns) - {"grad_norm"} <= set(METRICS) and "grad_norm" in columns
    assert any(name in columns for name in OBJECTIVES)


def test_no_coefficient_of_a_rule_is_called_like_a_metric():
    assert set(METRICS) <= RESERVED


def test_targets_leave_test_data_alone():
    assert set(METRICS) - set(TARGETS) == {"test_loss", "test_accuracy", "test_mse"}


@pytest.mark.parametrize("name", METRICS)
def test_accuracies_rise_and_everything_else_falls(name):
    assert rises(name) == (name in ("train_accuracy", "val_accuracy", "test_accuracy"))
    assert worst(name) == (0.0 if rises(name) else math.inf)
