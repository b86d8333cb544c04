"""A problem says what it is, a rule what it needs, a backend what it refuses: few ask which one it is."""

import ast

import pandas as pd
import pytest
from test_architecture import ROOT, modules

import gdbench
from gdbench.stats.choice import objective

CLASSES = {"MLP", "DataQuadratic", "FunctionProblem", "Rule", "Direction", "Lookahead", "Ranger", "Threads", "Cuda"}
KINDS = {"mlp", "quadratic", "function"}
# Where problems and rules are defined, and made from their descriptions.
DEFINE = (
    *("gdbench.kernels.networks.", "gdbench.kernels.functions.", "gdbench.kernels.quadratic."),
    *("gdbench.kernels.rules.", "gdbench.kernels.directions.", "gdbench.data.problems", "gdbench.suites.definitions"),
)
CONTRACTS = {
    "gdbench.kernels.problem": {"Problem", "Training", "Objective"},
    "gdbench.kernels.rules.registry": {"Written", "BaseRule"},
    "gdbench.kernels.rules.stepper": {"ScalarStepper"},
    "gdbench.kernels.directions.objective": {"Derivatives"},
    "gdbench.runner.backends.contract": {"Backend", "Order"},
}
SEAMS = {"problem", "training", "rule", "backend", "stepper", "trial", "order", "update"}


def asks(tree):
    """Lines that ask for a problem's kind, a rule's or a backend's class, or a rule's source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass"):
            names = {each.id for each in ast.walk(node.args[1]) if isinstance(each, ast.Name)}
            if names & CLASSES:
                yield node.lineno
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            constants = {each.value for side in sides for each in ast.walk(side) if isinstance(each, ast.Constant)}
            source = any(isinstance(side, ast.Attribute) and side.attr == "source" for side in sides)
            if constants & KINDS or (source and constants & {"", None}):
                yield node.lineno


def untyped(tree, contracts):
    """Lines of these classes that say `Any`, and where a problem, a rule ... has it for a type or is cast to one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in contracts:
            yield from (each.lineno for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == "Any")
        named = getattr(node, "arg", None) or getattr(getattr(node, "target", None), "id", None)
        typed = getattr(node, "annotation", None)
        if named in SEAMS and typed is not None and "Any" in {getattr(each, "id", "") for each in _choices(typed)}:
            yield node.lineno
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "cast":
            names = {each.id for each in ast.walk(node.args[0]) if isinstance(each, ast.Name)}
            names |= {each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)}
            if names & CLASSES:
                yield node.lineno


def _choices(annotation):
    """A type, or those of a union."""
    if isinstance(annotation, ast.BinOp):
        return [*_choices(annotation.left), *_choices(annotation.right)]
    return [annotation]


@pytest.fixture(scope="module")
def trees():
    return {name: ast.parse(text) for name, text in modules(ROOT / "gdbench").items()}


def test_few_ask_which_problem_or_rule_it_is(trees):
    found = [name for name, tree in trees.items() if not name.startswith(DEFINE) for _ in asks(tree)]
    # Those that read a definition, in a suite or in stored results; and the cache of kernels, for the source alone.
    assert sorted(found) == [
        *("gdbench.data.notices", "gdbench.gate.measures", "gdbench.kernels.compile.cuda"),
        *("gdbench.reports.scaling_panels", "gdbench.runner.code", "gdbench.runner.tuning", "gdbench.suites.counting"),
    ]


def test_no_seam_says_any(trees):
    for module, contracts in CONTRACTS.items():
        assert contracts <= {node.name for node in trees[module].body if isinstance(node, ast.ClassDef)}
    found = [(name, line) for name, tree in trees.items() for line in untyped(tree, CONTRACTS.get(name, ()))]
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["isinstance(rule, Rule)", "isinstance(p, (int, MLP))", "kind == 'mlp'", "k in ('function',)", "r.source is None"],
)
def test_a_planted_question_is_found(text):
    assert list(asks(ast.parse(text))) == [1]


@pytest.mark.parametrize(
    "text",
    [
        "def f(problem: Any): ...",
        "def f(*, rule: int | Any): ...",
        "rule: Any = 1",
        "cast('MLP', problem)",
        "class Backend:\n def f(self) -> Any: ...",
    ],
)
def test_a_planted_any_is_found(text):
    assert len(list(untyped(ast.parse(text), {"Backend"}))) == 1


@pytest.mark.parametrize(
    ("given", "judged_by"),
    [
        ({"kind": "mlp", "dataset": "iris", "hidden": [2]}, "val_loss"),
        ({"kind": "mlp", "dataset": "iris", "hidden": [2], "validation_fraction": 0.0}, "train_loss"),
        ({"kind": "quadratic", "dimensions": 3}, "train_loss"),
        ({"kind": "function", "function": "booth"}, "value"),
    ],
)
def test_a_problem_is_judged_by_what_chooses_between_its_settings(given, judged_by):
    problem = gdbench.problem(given)
    evaluation = dict(zip(problem.columns, problem.begin(seed=0, batch_size=1).evaluate(), strict=True))
    assert problem.judged_by == judged_by == objective(pd.DataFrame([evaluation]))
