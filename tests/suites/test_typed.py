"""What people type and what their editors write: numbers without a digit, quoted keys, marks, other encodings."""

import subprocess

import pytest

from gdbench import suites
from gdbench.ab.places import find_place
from gdbench.cli import main
from gdbench.errors import UsageError
from gdbench.machine import git
from gdbench.suites.typed import UnreadableError, key_of, value_of

TEXT = "[problem.p]\nkind = 'mlp'\ndataset = 'iris'\n[rule.sgd]\nlr = 0.1\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".1,.2", [0.1, 0.2]),
        ("1.,+1,1e3,1_000", [1.0, 1, 1000.0, 1000]),
        ("-.5", -0.5),
        ("+.5e-3", 0.0005),
        ("1.e2", 100.0),
        ("[.1, [1.]]", [0.1, [1.0]]),
        ("{log=[.001,1.,5]}", {"log": [0.001, 1.0, 5]}),
        ("{log = [.001, 1., 5], note = '.1'}", {"log": [0.001, 1.0, 5], "note": ".1"}),
        ("'.1'", ".1"),
        ("1e-3 , 1e-2", [0.001, 0.01]),
        ("0.1", 0.1),
    ],
)
def test_numbers_are_read_as_people_write_them(text, value):
    assert value_of(text, listed=True) == value


@pytest.mark.parametrize(
    "text", ["", ".", "...", "1.2.3", "Plain words", "1\n[a]\nb = 2", "[" * 5000, "9" * 5000, ".1.2"]
)
def test_what_is_no_value_is_refused(text):
    with pytest.raises(UnreadableError):
        value_of(text)


@pytest.mark.parametrize(
    ("text", "parts", "value"),
    [
        ("rule.sgd.lr=.1", ["rule", "sgd", "lr"], ".1"),
        ("rule.lookahead(sgd).lr=1", ["rule", "lookahead(sgd)", "lr"], "1"),
        ('rule."lookahead(sgd)".lr=1', ["rule", "lookahead(sgd)", "lr"], "1"),
        ("problem.'us.data'.l2=0", ["problem", "us.data", "l2"], "0"),
        ('problem."p (hidden=[4])".l2=0', ["problem", "p (hidden=[4])", "l2"], "0"),
        (r'problem."a\"b".l2=0', ["problem", 'a"b', "l2"], "0"),
        ("title=a=b.c", ["title"], "a=b.c"),
        (" budget . epochs = 3", ["budget", "epochs"], " 3"),
        ("budget", [], ""),
        ("=3", [], ""),
        ("a..b=3", [], ""),
        ("a.=3", [], ""),
        ("a'b'=3", [], ""),
    ],
)
def test_keys_may_be_quoted(text, parts, value):
    assert key_of(text) == (parts, value)


def test_a_problem_whose_label_has_a_dot_is_reached(tmp_path):
    given = {"problem": {"us.data": {"kind": "mlp", "dataset": "iris"}}, "rule": {"lookahead(sgd)": {}}}
    overrides = ["problem.'us.data'.hidden=[3]", 'rule."lookahead(sgd)".lr=.5', "title=Plain words, .5"]
    suite = suites.load(given, overrides=overrides)
    assert suite.problems["us.data"]["hidden"] == [3] and suite.title == "Plain words, .5"
    assert suite.rules["lookahead(sgd)"][1] == {"lr": [0.5]}


@pytest.mark.parametrize(
    "line", ["lr = .1", "lr = 1.", "lr = [0.1, .1]", "lr = {log = [.1, 1.0, 3]}  # a .2", "lr = +.1"]
)
def test_a_number_without_a_digit_is_told_with_its_line_and_remedy(line, tmp_path):
    (tmp_path / "mine.toml").write_text(TEXT.replace("lr = 0.1", line))
    with pytest.raises(UsageError, match=r"mine.toml: not valid TOML.*line 5.*; write (0\.1 for \+?\.1|1\.0 for 1\.)$"):
        suites.load(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xef\xbb\xbf" + TEXT.encode(), None),
        (b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode(), None),
        (TEXT.replace("\n", "\r").encode(), None),
        (TEXT.encode("utf-16"), "in UTF-16; save it in UTF-8"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "in UTF-16; save it in UTF-8"),
        (TEXT.encode("utf-16-le"), "not valid TOML"),
        (TEXT.encode() + "# é".encode("latin-1"), "not a text file in UTF-8 (byte"),
        (b"#" * 300_000, "more than 250,000 bytes"),
        (b"seeds = " + b"9" * 5000, "a number has more than 300 digits"),
        (b"seeds = " + b"[" * 5000, "brackets"),
        (b"seeds = 0x" + b"f" * 5000, "a whole number of 6021 digits"),
    ],
)
def test_marks_and_encodings_of_editors(content, words, tmp_path):
    (tmp_path / "mine.toml").write_bytes(content)
    if words is None:
        assert suites.load(str(tmp_path / "mine.toml")).rules["sgd"][1] == {"lr": [0.1]}
        return
    with pytest.raises(UsageError) as caught:
        suites.load(str(tmp_path / "mine.toml"))
    assert words in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["us$", "x" * 120, "é" * 100, "a\u202eb", "$", "two words", "a.b", 'quo"te', "[red]"])
def test_a_data_file_of_any_name_is_a_problem(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i % 7},{i % 3},{i % 2}\n" for i in range(60))
    (tmp_path / f"{name}.csv").write_text("a,b,y\n" + rows)
    label, table, folder = suites.problem_table(f"{name}.csv")
    assert len(label) <= 80 and label.isprintable() and "$" not in label
    suites.load({"problem": {label: table}, "rule": {"sgd": {}}}, folder=folder)
    with pytest.raises(SystemExit) as ended:
        main(["tune", "sgd", f"{name}.csv", "--lr", ".1", "--seeds", "1", "--quiet", "--jobs", "1",
              "--set", "budget.epochs=1", "--set", "problem.hidden=[2]"])  # fmt: skip
    assert ended.value.code == 0 and capsys.readouterr().out.strip() == "0.1"


def test_files_that_share_a_label_are_numbered(tmp_path):
    names = [f"{tmp_path}/{'x' * 90}{i}.csv" for i in range(3)] + [f"{tmp_path}/a/iris.csv", "iris"]
    labels = suites.distinct_labels(names)
    assert list(labels) == names and len(set(labels.values())) == 5
    assert [len(labels[name]) for name in names[:3]] == [80] * 3 and labels["iris"] == "iris 2"


def test_labels_that_look_alike_and_names_that_meet_are_refused(small):
    for labels in (["é", "e\u0301"], ["iris", "iris (hidden=[4])"]):
        problems = {label: {**small["problem"]["iris"], "hidden": [[4], [5]]} for label in labels}
        problems[labels[1]]["hidden"] = [4]
        with pytest.raises(UsageError, match=r"look like|are called"):
            suites.load({**small, "problem": problems})


def test_a_zero_below_zero_is_zero(small):
    keys = [[t.key for t in suites.load({**small, "clip_norm": zero}).first_trials()] for zero in (0, 0.0, -0.0)]
    assert keys[0] == keys[1] == keys[2]


@pytest.fixture
def dubious(tmp_path, monkeypatch):
    """A repository that git will not open, as that of another user."""
    folder = tmp_path / "theirs"
    subprocess.run(["git", "init", "-q", folder], check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for its tests
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def test_gits_own_reason_is_told(dubious, tmp_path):
    assert git.state(dubious) == (None, None)
    assert "dubious ownership" in git.refusal(dubious) and "\n" not in git.refusal(dubious)
    with pytest.raises(UsageError, match=r"git says: detected dubious ownership.*safe\.directory"):
        find_place("HEAD", dubious, tmp_path / "scratch")


def test_a_folder_without_a_repository_is_no_refusal(tmp_path):
    assert git.state(tmp_path) == (None, None) and git.refusal(tmp_path) is None
    with pytest.raises(UsageError) as caught:
        find_place("HEAD", tmp_path, tmp_path / "scratch")
    assert "git says" not in str(caught.value)
