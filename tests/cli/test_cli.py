"""Commands as a user types them: output, exit codes, and what importing costs."""

import json
import subprocess
import sys
import time

import pytest

from gdbench.cli import main
from gdbench.store import Store

pytestmark = pytest.mark.usefixtures("no_pictures")


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, **options).stdout


SUITE = """
title = "Little"
seeds = 2
budget = {epochs = 2}
batch_size = 16
[problem.iris]
kind = "mlp"
dataset = "iris"
[rule.sgd]
lr = [0.01, 0.1, 1.0]
"""


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "little.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture
def done(suite, tmp_path, capsys):
    code, _, _ = call(capsys, "run", suite, "--quiet", "--out", tmp_path / "out")
    assert code == 0
    return tmp_path / "out"


def test_run_prints_the_ranking_and_leaves_a_database_and_a_page(suite, tmp_path, capsys):
    code, out, _ = call(capsys, "run", suite, "--out", tmp_path / "out")
    assert code == 0 and "Little" in out and "sgd" in out and "report:" in out
    folders = [p for p in (tmp_path / "out").iterdir() if p.is_dir()]
    assert (tmp_path / "out" / "gdbench.db").is_file() and (folders[0] / "report.html").is_file()


def test_run_prints_json_alone_when_asked(suite, tmp_path, capsys):
    code, out, err = call(capsys, "run", suite, "--json", "--out", tmp_path / "out")
    (document,) = json.loads(out)
    assert code == 0 and err == "" and document["state"] == "complete"
    assert document["trials"] == {"exhausted": 10} and document["ranking"][0]["rule"] == "sgd"


def test_dry_run_counts_and_stores_nothing(suite, tmp_path, capsys):
    code, out, _ = call(capsys, "run", suite, "--dry-run", "--json", "--out", tmp_path / "out")
    (guess,) = json.loads(out)
    assert code == 0 and guess["trials"] == 10 and guess["steps"] == 10 * 14 and guess["seconds"] > 0
    assert not (tmp_path / "out").exists()


def test_set_seeds_and_jobs_are_taken(suite, tmp_path, capsys):
    options = ["--set", "budget.epochs=1", "--set", "rule.sgd.lr=0.5", "--seeds", "3", "--jobs", "1", "--chunk", "2"]
    code, out, _ = call(capsys, "run", suite, "--json", "--out", tmp_path / "out", *options)
    assert code == 0 and json.loads(out)[0]["trials"] == {"exhausted": 9}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "quik"], 2, "did you mean 'quick'"),
        (["run", "--backend", "gpu"], 2, "backend 'gpu' is not one of auto, cpu, cuda"),
        (["run", "--jobs", "0"], 2, "--jobs"),
        (["run", "--plugin", "none.py"], 2, "none.py cannot be read"),
        (["run", "--nonsense"], 2, "--nonsense"),
        (["nonsense"], 2, "nonsense"),
        (["list", "rulez"], 2, "did you mean 'rules'"),
        (["show", "adem"], 2, "did you mean 'adam'"),
        (["report", "latest"], 2, "there are no runs"),
        (["export", "latest", "--format", "xml"], 2, "json, csv, parquet"),
        (["remove", "abc"], 2, "there are no runs"),
    ],
)
def test_mistakes_have_their_exit_code_and_one_sentence(arguments, code, words, capsys):
    got, out, err = call(capsys, *arguments)
    assert got == code and out == "" and words in err
    assert err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.pictures
def test_stored_runs_are_listed_shown_reported_exported_and_removed(done, tmp_path, capsys):
    _, out, _ = call(capsys, "list", "runs", "--json", "--out", done)
    (row,) = json.loads(out)
    assert row["suite"] == "little" and row["state"] == "complete" and row["trials"] == "10 of 10"
    code, out, _ = call(capsys, "show", row["run"][:5], "--out", done)
    assert code == 0 and "Little" in out
    page = done / row["run"] / "report.html"
    page.unlink()
    assert call(capsys, "report", "--out", done)[0] == 0 and page.is_file()
    for form, made in (
        ("json", "export.json"),
        ("csv", "export-csv/trials.csv"),
        ("parquet", "export-parquet/curves.parquet"),
    ):
        assert call(capsys, "export", "latest", "--format", form, "--out", done)[0] == 0
        assert (done / row["run"] / made).is_file()
    code, _, _ = call(capsys, "report", done / row["run"] / "export.json", "--out", tmp_path / "again")
    assert code == 0 and (tmp_path / "again" / row["run"] / "report.html").read_text() == page.read_text()
    assert call(capsys, "remove", row["run"], "--out", done)[0] == 0
    assert not page.parent.exists() and call(capsys, "report", "--out", done)[0] == 2


def test_everything_can_be_listed_and_shown(capsys):
    code, out, _ = call(capsys, "list", "--json")
    lists = json.loads(out)
    assert code == 0 and {row["rule"] for row in lists["rules"]} >= {
        "sgd",
        "momentum",
        "nesterov",
        "adagrad",
        "rmsprop",
        "adam",
    }
    assert all(lists.values())
    for name in ("adam", "quick"):
        code, out, _ = call(capsys, "show", name)
        assert code == 0 and len(out) > 200
    assert "beta1^t" in call(capsys, "show", "adam")[1]
    assert {"lookahead", "ranger"} <= {row["rule"] for row in lists["rules"]}
    code, out, _ = call(capsys, "show", "lookahead(nesterov)")
    assert code == 0 and all(
        word in out for word in ("Zhang", "Sutskever", "a whole number", "def nesterov(p, g, v, c)")
    )
    code, _, err = call(capsys, "show", "lookahead(nesterof)")
    assert code == 2 and "did you mean 'nesterov'" in err
    code, out, _ = call(capsys, "list")
    assert code == 0 and "digits" in out


def test_doctor_says_what_is_here_and_what_would_help(capsys, tmp_path, monkeypatch):
    from gdbench.cli import doctor
    from gdbench.kernels.compile import cache

    monkeypatch.setattr(doctor, "blas_libraries", lambda: [
        {"internal_api": "openblas", "version": "0.3", "architecture": "Haswell", "num_threads": 2}
    ])  # fmt: skip
    monkeypatch.setattr(doctor, "gpu", lambda: {"gpu": "none: no NVIDIA driver was found"})
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked / "cache"))
    cache.cache_folder.cache_clear()
    code, out, _ = call(capsys, "doctor", "--json")
    cache.cache_folder.cache_clear()
    facts = json.loads(out)
    advice = " ".join(facts["advice"])
    assert code == 0 and facts["cpu"] and facts["numba"]
    assert "cannot be kept" in advice and "no GPU" in advice
    assert ("OPENBLAS_CORETYPE" in advice) == ("avx512f" in facts["features"])


PLUGIN = '''
import gdbench

@gdbench.rule(slots=("v",), lr=0.1, momentum=0.9)
def my_momentum(p, g, v, c):
    """Heavy ball, written by a user."""
    v = c.momentum * v + g
    return p - c.lr * v, v
'''


def test_a_plugin_rule_is_listed_shown_and_swept_like_ours(suite, tmp_path, capsys):
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    suite.write_text(SUITE + "[rule.my-momentum]\nlr = 0.1\n[rule.momentum]\nlr = 0.1\n")
    try:
        assert "my-momentum" in call(capsys, "list", "rules", "--plugin", plugin)[1]
        assert "written by a user" in call(capsys, "show", "my-momentum", "--plugin", plugin)[1]
        code, _, _ = call(capsys, "run", suite, "--plugin", plugin, "--quiet", "--out", tmp_path / "out")
        assert code == 0
    finally:
        forget("my-momentum")
    import gdbench

    trials = gdbench.load(tmp_path / "out" / "gdbench.db").trials
    report = trials[trials["role"] == "report"].set_index(["rule", "seed"])["digest"]
    assert report["my-momentum"].tolist() == report["momentum"].tolist()


def test_what_a_plugin_imports_counts_as_its_source(tmp_path):
    from gdbench import plugins

    (tmp_path / "half.py").write_text("FACTOR = 1.0\n")
    plugin = tmp_path / "whole.py"
    plugin.write_text(
        "import gdbench\nimport half\n@gdbench.rule(lr=0.1)\ndef whole(p, g, c):\n    return p - c.lr * g\n"
    )
    hashes = []
    for factor in ("1.0", "2.0"):
        (tmp_path / "half.py").write_text(f"FACTOR = {factor}\n")
        plugins.load_file(plugin)
        hashes.append(plugins.plugin_hash())
        forget("whole")
    assert hashes[0] != hashes[1]


def test_a_plugin_that_changed_takes_its_own_place(tmp_path):
    from gdbench import plugins
    from gdbench.kernels import RULES

    plugin = tmp_path / "twice.py"
    try:
        for lr in (0.1, 0.2):
            plugin.write_text(f"import gdbench\n@gdbench.rule(lr={lr})\ndef twice(p, g, c):\n    return p - c.lr * g\n")
            plugins.load_file(plugin)
            assert RULES["twice"].defaults["lr"] == lr
    finally:
        forget("twice")


def forget(name):
    from gdbench import plugins
    from gdbench.kernels import RULES

    RULES.pop(name)
    plugins._loaded.clear()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import gdbench\nx = = 3\n", "line 2"),
        ("import gdbench\n\nraise RuntimeError('planted')\n", "line 3: RuntimeError: planted"),
        ("import gdbench\n@gdbench.rule(lr=0.1)\ndef adam(p, g, c):\n    return p\n", "registered already"),
        ("import sys\nsys.exit(5)\n", "line 2: SystemExit: 5"),
        ("raise ValueError('two\\nlines')\n", "ValueError: two lines"),
        ("import gdbench\n@gdbench.rule\ndef r(p, g, c):\n    return p\n", "write @rule(lr=...)"),
        ("import gdbench\n@gdbench.rule('my rule', lr=1)\ndef r(p, g, c):\n    return p\n", "small letters"),
        ("import gdbench\n@gdbench.rule(lr=1, steps=3)\ndef r(p, g, c):\n    return p\n", "'steps' cannot name"),
        ("import gdbench\n@gdbench.rule(slots='v', lr=1)\ndef r(p, g, v, c):\n    return p, v\n", "tuple of names"),
        ("import gdbench\n@gdbench.rule(lr=-1)\ndef r(p, g, c):\n    return p\n", "lr = -1.0 must be greater than 0"),
    ],
)
def test_a_wrong_plugin_says_where(source, words, tmp_path, capsys):
    plugin = tmp_path / "wrong.py"
    plugin.write_text(source)
    code, _, err = call(capsys, "list", "rules", "--plugin", plugin)
    assert code == 2 and words in err and "wrong.py" in err and err.count("\n") == 1


def test_a_plugin_that_numba_cannot_compile_names_the_line_and_writes_nothing(suite, tmp_path, capsys):
    plugin = tmp_path / "odd.py"
    plugin.write_text("import gdbench\n\n@gdbench.rule(lr=0.1)\ndef odd(p, g, c):\n    return p - c.rate * g\n")
    suite.write_text(SUITE + "[rule.odd]\nlr = 0.1\n")
    try:
        code, _, err = call(capsys, "run", suite, "--plugin", plugin, "--quiet", "--out", tmp_path / "out")
    finally:
        forget("odd")
    assert code == 2 and "odd.py" in err and "line 5" in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_importing_gdbench_loads_no_heavy_package_and_changes_no_setting():
    code = """
import json, os, sys, threading, warnings
import numba
from numba.core.caching import CompileResultCacheImpl

def settings():
    config = {name: repr(getattr(numba.config, name)) for name in dir(numba.config) if name.isupper()}
    locators = list(CompileResultCacheImpl._locator_classes)
    return dict(os.environ), threading.active_count(), list(warnings.filters), config, locators

before = settings()
import gdbench, gdbench.api.runs, gdbench.cli
gdbench.run, gdbench.rule
heavy = [name for name in ("pandas", "seaborn", "sklearn", "matplotlib", "torch") if name in sys.modules]
print(json.dumps([before == settings(), heavy]))
"""
    assert json.loads(python(code)) == [True, []]


def test_listing_rules_is_quick():
    command = [sys.executable, "-m", "gdbench", "list", "rules"]
    bare = [sys.executable, "-c", "import numba, typer"]
    seconds = {}
    for name, run in (("list", command), ("bare", bare)):
        times = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run(run, check=True, capture_output=True)
            times.append(time.perf_counter() - started)
        seconds[name] = min(times)
    assert seconds["list"] < 3 * seconds["bare"]  # a ratio, since machines differ


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(suite, tmp_path):
    import signal

    suite.write_text(SUITE.replace("epochs = 2", "epochs = 400"))
    command = [
        sys.executable,
        "-m",
        "gdbench",
        "run",
        str(suite),
        "--out",
        str(tmp_path / "out"),
        "--set",
        "evaluate.points=2",
    ]
    # Whoever runs the tests in the background has Ctrl-C ignored, which processes inherit.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **heard)
    database = tmp_path / "out" / "gdbench.db"
    deadline = time.monotonic() + 120
    while not stored(database) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "the same command continues it" in err and "Traceback" not in err
    (stopped,) = Store(database).runs()
    kept = stored(database)
    assert stopped.state == "interrupted" and 1 <= len(kept) < 10
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and f"run {stopped.run}: 10 trials" in done.stdout
    assert f"{len(kept)} of 10 trials are done" in done.stderr and kept.items() <= stored(database).items()


def stored(path):
    """The trials of the first run in a store that another process may just be making."""
    runs = Store(path).runs()
    return Store(path).done(runs[0].run) if runs else {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"jobs": 0}, {"jobs": 1.5}, {"jobs": True}, {"chunk": 0}, {"seeds": -1}, {"store": 5}, {"overrides": 5},
        {"overrides": [5]}, {"plugins": 5}, {"suite": 5}, {"suite": {}}, {"backend": "gpu"}, {"backend": 3},
    ],
)  # fmt: skip
def test_wrong_arguments_of_run_are_refused_in_a_sentence(wrong, tmp_path):
    import gdbench

    with pytest.raises(gdbench.GdbenchError) as caught:
        gdbench.run(**{"suite": "quick", "store": tmp_path / "x.db", **wrong})
    assert "\n" not in str(caught.value) and not (tmp_path / "x.db").exists()


def test_numpy_values_and_paths_are_taken(tmp_path):
    import numpy as np

    import gdbench

    np.savez(tmp_path / "d.npz", X=np.random.default_rng(0).normal(size=(50, 3)), y=np.arange(50) % 2)
    problem = {"kind": "mlp", "dataset": tmp_path / "d.npz"}
    suite = {
        "seeds": np.int64(1),
        "budget": {"steps": 2},
        "problem": {"d": problem},
        "rule": {"sgd": {"lr": np.logspace(-3, -1, 3)}},
    }
    run = gdbench.run(suite, store=tmp_path / "n.db", jobs=np.int64(2), overrides="batch_size=7")
    assert len(run.trials) == 5 and set(run.trials["batch_size"]) == {7}
    assert gdbench.problem(tmp_path / "d.npz", dtype=np.float32).n == 34


FUNCTION = '''
import gdbench

@gdbench.function(domain=(-3.0, 3.0), start=(2.0, 1.0), minimisers=((0.0, 0.0),), steep=4.0)
def my_bowl(x, c):
    """f(x, y) = x^2 + steep y^2 - 1, written by a user."""
    return x[0] * x[0] + c.steep * x[1] * x[1] - 1.0
'''


@pytest.mark.pictures
def test_a_plugin_function_is_listed_shown_swept_tuned_and_drawn_like_ours(tmp_path, capsys):
    from gdbench import plugins
    from gdbench.kernels import FUNCTIONS

    plugin, suite, out = tmp_path / "bowl.py", tmp_path / "bowl.toml", tmp_path / "out"
    plugin.write_text(FUNCTION)
    suite.write_text(
        'seeds = 2\nbudget = {steps = 20}\n[problem.bowl]\nkind = "function"\nfunction = "my-bowl"\nsteep = [2, 4]\n'
        "[rule.sgd]\nlr = [0.01, 0.1]\n[rule.newton]\n"
    )
    try:
        assert "my-bowl" in call(capsys, "list", "functions", "--plugin", plugin)[1]
        shown = call(capsys, "show", "my-bowl", "--plugin", plugin)[1]
        assert "written by a user" in shown and "steep=4" in shown and "(0, 0)" in shown
        assert call(capsys, "run", suite, "--plugin", plugin, "--quiet", "--out", out)[0] == 0
        tuned = call(capsys, "tune", "sgd", "my-bowl", "--plugin", plugin, "--lr", "0.01,10", "--seeds", "1", "--quiet")
        assert tuned[:2] == (0, "0.01\n")
    finally:
        FUNCTIONS.pop("my-bowl")
        plugins._loaded.clear()
    import gdbench

    trials = gdbench.load(out / "gdbench.db").trials
    assert trials.loc[trials["rule"] == "newton", "value"].max() < -0.999
    (page,) = out.glob("*/report.html")
    html = page.read_text()
    assert "bowl (steep=2)" in html and "Curves of the value" in html


def test_functions_and_direction_rules_are_listed_and_shown(capsys):
    rules = {row["rule"]: row["kind"] for row in json.loads(call(capsys, "list", "rules", "--json")[1])}
    assert rules["newton"] == "direction" and rules["adam"] == "scalar"
    functions = {row["function"]: row for row in json.loads(call(capsys, "list", "functions", "--json")[1])}
    assert functions["rosenbrock"]["dimension"] == "2 or more" and functions["rosenbrock"]["options"] == "b=100"
    problems = json.loads(call(capsys, "list", "problems", "--json")[1])
    assert [row["problem"] for row in problems] == ["mlp", "function", "quadratic"]
    code, out, _ = call(capsys, "show", "saddle")
    assert code == 0 and "(0, 1), (0, -1)" in out and "from -2 to 2" in out and "@saddle.gradient" in out
    code, out, _ = call(capsys, "show", "newton")
    assert code == 0 and "state: of its own" in out
    assert json.loads(call(capsys, "show", "rosenbrock", "--json")[1])["options"] == {"b": 100.0}
    assert "did you mean 'rosenbrock'" in call(capsys, "show", "rosenbrok", "--json")[2]


def test_problems_are_known_by_name():
    import gdbench

    assert gdbench.problem("rosenbrock").loss([1.0, 1.0]) == 0.0
    assert gdbench.problem({"kind": "quadratic", "dimensions": 4}).size == 4
    with pytest.raises(gdbench.GdbenchError, match="did you mean 'rosenbrock'"):
        gdbench.problem("rosenbrok")


def test_ctrl_c_while_the_page_is_written_tells_that_the_run_is_complete_and_how_to_get_the_page(
    suite, tmp_path, capsys, monkeypatch
):
    def interrupted(run, path):
        raise KeyboardInterrupt

    monkeypatch.setattr("gdbench.api.runs.Run.report", interrupted)
    code, _, err = call(capsys, "run", suite, "--quiet", "--out", tmp_path / "out")
    run = Store(tmp_path / "out" / "gdbench.db").find("latest")
    assert code == 130 and run.state == "complete" and f"`gdbench report {run.run}` writes its page" in err


def test_ctrl_c_elsewhere_is_answered(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gdbench.timing.session.measure", interrupted)
    code, _, err = call(capsys, "time", "sgd", "--net", "3-2", "--quiet", "--processes", "1")
    assert code == 130 and "interrupted" in err
