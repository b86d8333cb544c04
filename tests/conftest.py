"""What all tests share: an empty current folder, a small suite that trains in a moment, and what is skipped."""

from collections import Counter

import pytest
from extras import missing
from hypothesis import settings

# Scripts for processes of their own, which turn the compiler off when they are imported.
collect_ignore = ["mutants.py", "simulated.py", "large_simulated.py"]

# The first example may compile a kernel, and machines differ: no deadline. The same examples every time.
settings.register_profile("gdbench", deadline=None, derandomize=True)
settings.load_profile("gdbench")


def pytest_collection_modifyitems(items):
    """Skip what needs something that is not here (extras.py)."""
    for item in items:
        for reason in (missing(name) for mark in item.iter_markers("needs") for name in mark.args):
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter):
    """A line for each reason that tests were skipped for, however many tests they are."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, count in Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped).most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture
def small():
    """A suite of 24 trials on iris: two rules, two learning rates, two batch sizes."""
    return {
        "title": "Iris, small",
        "seeds": 2,
        "batch_size": [8, 32],
        "budget": {"epochs": 3},
        "target": {"val_accuracy": 0.8},
        "evaluate": {"points": 6},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]}},
        "rule": {"sgd": {"lr": [0.01, 0.1]}, "adam": {"lr": [0.003, 0.03]}},
    }


@pytest.fixture
def no_pictures(request, monkeypatch):
    """Pages without figures, which take longer than all else of a command; but in tests with the mark `pictures`."""
    if request.node.get_closest_marker("pictures") is None:
        monkeypatch.setattr("gdbench.reports.page._figures", lambda *_: [])


@pytest.fixture(autouse=True, scope="session")
def _short_closing_pass():
    """One round of each run's closing pass is enough but where a test is about it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gdbench.runner.closing.LEAST", 0.0)
        patch.setattr("gdbench.runner.closing.MOST", 0.0)
        yield
