"""`gdbench peers`: every library trains the same trials, a failing one is a row, speeds and ratios belong together."""

import json
import multiprocessing
import os
from contextlib import closing
from importlib.metadata import metadata, version

import numpy as np
import pandas as pd
import pytest
from networks import make
from rule_table import JAX, ROWS, Network

from gdbench.cli import main
from gdbench.errors import GdbenchError, UsageError
from gdbench.machine.environment import spread, usable_set
from gdbench.peers import ON_CUDA, OURS, PEERS, Peer, UnsupportedError, absent, comparison, optimizers
from gdbench.peers.agreement import STEPS, difference, losses
from gdbench.peers.contract import Task, flat, layers
from gdbench.peers.group import Group
from gdbench.peers.scikit_learn import ScikitLearn
from gdbench.peers.tasks import of_case
from gdbench.peers.worker import BINDS, PeerError, Worker
from gdbench.reports import peers_table, text
from gdbench.timing import cases
from gdbench.timing.steps import Case

CORE = spread(usable_set())[:1]


def task_of(rule="adam", trials=3, chunk=STEPS, batch_size=8, **network) -> Task:
    """A small network on random data, in float64 unless said otherwise."""
    return of_case(Case("small", make(**network), batch_size), rule, trials=trials, chunk=chunk)


@pytest.fixture(scope="module")
def worker():
    """`worker(name)`: the process of a peer, started once for all tests."""
    running = {}

    def of(name):
        if name not in running:
            running[name] = Worker(PEERS[name], CORE)
        return running[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")  # compiles a third faster
        yield of
    for one in running.values():
        one.close()


def trained(worker, task):
    """Where every trial is after its first call."""
    worker.prepare("test", task)
    return worker.thetas("test")


# What every rule trains, and with which peers; rule_table.py has each activation, loss and depth at least once.
NETWORKS = [(name, network) for name, row in ROWS.items() for network in row.networks]
NETWORKS += [("lookahead(sgd)", Network(JAX, "relu"))]
NAMES = ("pytorch", "pytorch-fused", "jax", "jax-vmap", "scikit-learn")
HERE = [  # each needs its libraries; scikit-learn is always here
    pytest.param(name, marks=[pytest.mark.needs(*PEERS[name].needs)] if name != "scikit-learn" else [])
    for name in NAMES
]
FEW_RULES = ("nesterov", "radam", "lookahead(sgd)")  # jax-vmap maps over the program of jax, which takes a while


@pytest.mark.parametrize("name", HERE)
def test_losses_agree_with_ours_in_float64(name, worker):
    for rule, network in NETWORKS:
        if name == "jax-vmap" and rule not in FEW_RULES:
            continue
        activation, loss, hidden, l2 = network.activation, network.loss, network.hidden, network.l2
        task = task_of(rule, activation=activation, loss=loss, hidden=hidden, l2=l2)
        if name not in network.peers:
            with pytest.raises(UnsupportedError):
                trained(worker(name), task)
            continue
        ours, theirs = (losses(task, trained(worker(each), task)) for each in (OURS, name))
        # Optax's radam and adagrad and scikit-learn's adam add eps elsewhere.
        elsewhere = (rule, name.partition("-")[0]) in {("radam", "jax"), ("adagrad", "jax"), ("adam", "scikit")}
        assert difference(theirs, ours) <= (1e-6 if elsewhere else 1e-11), (rule, activation, loss)
        assert (np.abs(ours - losses(task, task.thetas)) > 1e-6 * ours).all()  # it did train


@pytest.mark.parametrize("name", [OURS, *HERE])
def test_training_goes_on_from_call_to_call(name, worker):
    """Two calls of 10 steps end where one call of 20 does, where every epoch has the same order; in float32 too."""
    network = {"dtype": "float32", "activation": "tanh", "shuffle": "once"}
    once, twice = (task_of("momentum", chunk=chunk, **network) for chunk in (20, 10))
    end = trained(worker(name), once)
    trained(worker(name), twice)
    worker(name).run("test", twice.trials // worker(name).at_once("test"))
    assert end.dtype == np.float32 and np.abs(worker(name).thetas("test") - end).max() <= 1e-6
    assert difference(losses(once, end), losses(once, trained(worker(OURS), once))) <= 1e-6


def test_rows_are_those_of_the_problem_and_begin_again():
    problem = make(n=43, drop_last=True)
    task = of_case(Case("small", problem, 8), "sgd", trials=2, chunk=3)
    assert task.rows.shape == (2, 6, 8) and task.chunks == 2  # 5 steps an epoch, in chunks of 3
    for seed in task.seeds:
        for step in range(6):
            assert (task.rows[seed, step] == problem.batch(seed, step + 1, 8)).all()
        assert (task.thetas[seed] == problem.initial(seed)).all()
    assert (task.rows_of(1, 3) == task.rows[1, 3:]).all() and (task.rows_of(1, 2) == task.rows[1, :3]).all()
    assert (of_case(Case("small", problem, 43), "sgd", trials=1).rows == np.arange(43)).all()
    assert task.lrs == pytest.approx([1e-4, 1e-2])
    last = task.only(slice(1, None))
    assert last.seeds == (1,) and (last.rows == task.rows[1:]).all() and last.lrs == task.lrs[1]


def test_layers_and_flat_undo_each_other():
    thetas = np.arange(34.0).reshape(2, 17)
    assert (flat(layers(thetas, (3, 2, 3)), leading=1) == thetas).all()
    assert (flat(layers(thetas[1], (3, 2, 3))) == thetas[1]).all()


def test_a_wrong_learning_rate_is_seen(worker):
    task = task_of("adam", activation="tanh")
    wrong = task_of("adam", activation="tanh")
    wrong.lrs[:] *= 1.01
    ours = losses(task, trained(worker(OURS), task))
    found = [difference(losses(task, trained(worker("scikit-learn"), given)), ours) for given in (task, wrong)]
    assert found[0] < 1e-6 and found[1] > 1e-4


def test_a_difference_is_infinite_where_one_alone_is_finite():
    ones, gone = np.ones(2), np.array([1.0, np.nan])
    assert difference(gone, ones) == difference(ones, gone) == np.inf and difference(gone, gone) == 0.0
    assert difference(np.array([1.0, 1.5]), ones) == 0.5


def test_every_scalar_rule_is_mapped_or_refused_with_a_reason():
    for name, row in ROWS.items():
        if row.torch:
            assert optimizers.pytorch(name, row.defaults)[0][0].isupper()
        else:
            with pytest.raises(UnsupportedError, match=f"has no {name}"):
                optimizers.pytorch(name, row.defaults)
    assert optimizers.pytorch("rmsprop", {"lr": 1.0, "rho": 0.9}) == ("RMSprop", {"alpha": 0.9})
    for rule, given in (("adam", {"bias_correction": False}), ("radam", {"rectify_above": 4.0})):
        with pytest.raises(UnsupportedError, match=r"torch\.optim"):
            optimizers.pytorch(rule, given)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"rule": "adagrad"}, "no adagrad"),
        ({"activation": "gelu"}, "no activation gelu"),
        ({"loss": "mse"}, "no loss mse"),
        ({"loss": "binary-cross-entropy"}, "one-against-all"),
        ({"l2": 0.1}, "penalty"),
    ],
)
def test_what_scikit_learn_cannot_express_is_refused(network, words):
    with pytest.raises(UnsupportedError, match=words):
        ScikitLearn().prepare(task_of(**network), 1)


@pytest.mark.parametrize(
    ("problem", "rule", "words"), [("booth", "adam", "is not a network"), ("iris", "newton", "more than a gradient")]
)
def test_what_nobody_trains_is_a_mistake(problem, rule, words):
    (case,) = cases((), [problem], [8], ["float32"])
    with pytest.raises(UsageError, match=words):
        of_case(case, rule, trials=1)


def ask(kind, task, patience=60.0, **options):
    """What a stand-in does with a task."""
    with closing(Worker(Peer("stand_ins", kind, options, ()), CORE, patience)) as process:
        process.prepare("test", task)


@pytest.mark.parametrize(
    ("kind", "patience", "words"),
    [
        ("Raises", 60.0, "ValueError: no way"),
        ("Exits", 60.0, "its process ended with exit code 3"),
        ("Sleeps", 1.0, "did not answer within 1 s"),
        ("Nothing", 60.0, "AttributeError"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_one_sentence(kind, patience, words):
    with pytest.raises(PeerError, match=words) as error:
        ask(kind, task_of(), patience)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not BINDS, reason="this system binds no process to cores")
def test_a_worker_may_use_its_cores_alone_and_nothing_changes_for_us():
    before = os.sched_getaffinity(0), dict(os.environ)
    with closing(Worker(stand_in("Counts"), CORE)) as process:
        process.prepare("test", task_of(trials=1))
        assert process.thetas("test").tolist() == [CORE, [1], [1]]
    assert (os.sched_getaffinity(0), dict(os.environ)) == before


def test_a_group_trains_as_one_process_does(worker):
    task = task_of("momentum", activation="tanh")  # 3 trials: two for the first process, one for the second
    one = worker("scikit-learn")
    with closing(Group(PEERS["scikit-learn"], 2 * CORE)) as group:
        assert group.prepare("test", task) > 0 and group.at_once("test") == 2
        assert (group.thetas("test") == trained(one, task)).all()
        group.run("test", 1)
        one.run("test", 2)
        assert (group.thetas("test") == one.thetas("test")).all()
        group.forget()
        with pytest.raises(PeerError, match="KeyError"):
            group.run("test", 1)
        assert not group.alive


def test_a_group_ends_when_one_of_it_does():
    before = set(multiprocessing.active_children())
    with closing(Group(stand_in("Deserts"), 2 * CORE)) as group:
        group.prepare("test", task_of())
        assert len(multiprocessing.active_children()) == len(before) + 2 and group.alive
        with pytest.raises(PeerError, match="its process ended with exit code 5"):
            group.run("test", 1)
        assert set(multiprocessing.active_children()) == before and not group.alive


def stand_in(kind, *needs):
    """A class of tests/stand_ins.py as a peer."""
    return Peer("stand_ins", kind, {}, needs)


@pytest.fixture
def peers_are(monkeypatch):
    """`peers_are(name=peer)`: these are all that there are, beside gdbench, and samples are short."""
    monkeypatch.setattr(comparison, "OF_PEERS", comparison.OF_PEERS._replace(least=0.02))

    def put(**peers):
        for name in set(PEERS) - {OURS}:
            monkeypatch.delitem(PEERS, name)
        for name, peer in peers.items():
            monkeypatch.setitem(PEERS, name, peer)

    return put


def compared(cores=1):
    case = Case("small", make(activation="tanh"), 8)
    found = comparison.compare([case], ["sgd"], list(PEERS), trials=2, cores=[cores], rounds=3, chunk=10)
    return pd.DataFrame(found.agreement), pd.DataFrame(found.speed), pd.DataFrame(found.samples)


def test_a_peer_without_numbers_is_a_row_that_says_why(peers_are):
    peers_are(
        raises=stand_in("Raises"),
        unable=stand_in("Unable"),
        missing=stand_in("Slow", "not_there"),
        crashes=stand_in("Crashes"),
    )
    agreement, speed, samples = compared()
    words = {
        "raises": "failed: ValueError: no way",
        "unable": "not supported: sgd is too hard",
        "missing": 'not installed: not_there; pip install "gdbench[peers]"',
        "crashes": "failed: its process ended with exit code 4",
    }
    fallen = speed[speed["peer"] != OURS]
    assert len(fallen) == 8 and fallen["speed"].isna().all()
    assert (fallen["reason"] == fallen["peer"].map(words)).all()
    assert list(peers_table.reasons(speed)) == [f"{peer}: {reason}" for peer, reason in words.items()]
    rows = agreement.set_index("peer")
    assert rows["reason"].to_dict() == {OURS: "", **words, "crashes": ""} and rows["difference"]["crashes"] > 0
    ours = speed[speed["peer"] == OURS]
    assert (ours["reason"] == "").all() and (ours["speed"] > 0).all() and set(samples["peer"]) == {OURS}


@pytest.fixture
def two_cores(monkeypatch):
    """Two cores to deal trials out on, also where there is one."""
    monkeypatch.setattr(comparison, "spread", lambda usable: 2 * CORE)


def test_what_trains_in_turns_is_raced_as_a_process_a_core_too(peers_are, two_cores):
    before = set(multiprocessing.active_children())
    peers_are(slow=stand_in("Slow"), deserts=stand_in("Deserts"), missing=stand_in("Slow", "not_there"))
    agreement, speed, _ = compared(cores=2)
    assert list(agreement["peer"]) == [OURS, "slow", "deserts", "missing"]
    one, sweep = (speed[speed["trials"] == trials].set_index("peer") for trials in (1, 2))
    assert list(one.index) == [OURS, "slow", "deserts", "missing"]  # one trial has nothing to deal out
    groups = [f"{name}, 2 processes" for name in ("slow", "deserts")]
    assert list(sweep.index) == [OURS, "slow", groups[0], "deserts", groups[1], "missing"]
    # Both sleep at the same time, and so two trials take as long as one.
    assert 1.3 < sweep["speed"][groups[0]] / sweep["speed"]["slow"] < 2.5
    assert sweep["reason"][groups[1]] == "failed: its process ended with exit code 5"
    assert sweep["reason"]["deserts"] == "" and sweep["speed"]["deserts"] > 0
    table = peers_table.speed_rows(sweep.reset_index(), OURS)
    assert groups[0] in table[0] and table[0]["over the fastest"] == text.number(sweep["ratio"][groups[0]])
    assert set(multiprocessing.active_children()) == before


def test_a_worker_that_ends_unasked_loses_nothing(peers_are, monkeypatch):
    peers_are()
    monkeypatch.setitem(PEERS, OURS, stand_in("Leaves"))
    _, speed, _ = compared()
    assert (speed["speed"] > 0).all() and len(speed) == 2


def test_what_trains_side_by_side_is_one_process_and_may_need_a_sweep():
    assert [comparison._processes("jax-vmap", PEERS["jax-vmap"], trials, 2) for trials in (1, 3)] == [[], [1]]
    assert [comparison._processes(OURS, PEERS[OURS], trials, 2) for trials in (1, 3)] == [[1], [1]]
    assert [comparison._processes("jax", PEERS["jax"], *given) for given in ((1, 2), (3, 2), (2, 3), (3, 1))] == [
        *([1], [1, 2], [1, 2], [1]),
    ]


def test_speeds_ratios_and_samples_belong_together(peers_are):
    peers_are(slow=stand_in("Slow"))
    _, speed, samples = compared()
    assert set(speed["trials"]) == {1, 2} and len(speed) == 4
    for trials in (1, 2):
        here = samples[samples["trials"] == trials]
        cost = here.assign(cost=here["seconds"] / here["steps"]).groupby(["peer", "round"])["cost"].min()
        rows = speed[speed["trials"] == trials].set_index("peer")
        for peer in ("slow", OURS):
            assert rows["speed"][peer] == pytest.approx(1 / cost[peer].median())
            assert rows["ratio"][peer] == pytest.approx((cost[peer] / cost[OURS]).median())
            assert rows["low"][peer] <= rows["speed"][peer] <= rows["high"][peer]
        assert here["round"].nunique() == 3 and len(here) == 2 * 3 * comparison.OF_PEERS.samples
    # A call of 10 steps that sleeps for 10 ms, of one trial or of two in turn: less than 1000 steps a second.
    slow = speed[speed["peer"] == "slow"]
    assert (slow["speed"] < 1000).all() and (slow["ratio"] > 1).all() and (slow["prepare_seconds"] >= 0.01).all()


def test_that_gdbench_fails_is_an_error(peers_are, monkeypatch):
    peers_are()
    monkeypatch.setitem(PEERS, OURS, Peer("stand_ins", "Raises", {}, ()))
    with pytest.raises(GdbenchError, match="gdbench itself failed: ValueError: no way"):
        compared()


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main(["peers", *map(str, arguments)])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def test_a_missing_module_is_installed_by_an_extra_that_holds_it(monkeypatch):
    extras = metadata("gdbench").get_all("Provides-Extra")
    needed = {"peers": {"torch", "jax", "optax", "sklearn"}, "cuda": {"numba_cuda"}}
    monkeypatch.setattr("gdbench.machine.environment.missing", lambda *names: f"not installed: {', '.join(names)}")
    for peer in (*PEERS.values(), *ON_CUDA.values()):
        assert peer.extra in extras and set(peer.needs) <= needed[peer.extra]
        assert absent(peer).endswith(f'; pip install "gdbench[{peer.extra}]"')


FEW = ("--net", "6-5-3", "--batch", 4, "--trials", 2, "--cores", 1, "--rounds", 2, "--steps", 20)


def test_peers_prints_agreement_speed_and_what_is_missing(capsys, peers_are):
    peers_are(pretender=stand_in("Slow", "not_there"), picky=stand_in("Picky"))
    code, out, err = call(capsys, "sgd", "adam", *FEW, "--quiet")
    assert code == 0 and err == ""
    for words in ("Losses after 20 steps", "One trial on 1 core", "2 trials on 1 core", "over the fastest", "6-5-3"):
        assert words in out, words
    assert 'pretender: not installed: not_there; pip install "gdbench[peers]"' in out
    assert "picky: not supported: sgd is all that there should be (6-5-3 batch 4 adam)" in out


def test_json_has_every_number(capsys, peers_are):
    peers_are(**{"pretender": stand_in("Slow", "not_there"), "scikit-learn": PEERS["scikit-learn"]})
    code, out, err = call(capsys, *FEW, "--peer", "scikit-learn", "--dtype", "float64", "--json")
    document = json.loads(out)
    assert (
        code == 0 and err == "" and {*document} == {"environment", "rounds", "agreement", "speed", "samples", "backend"}
    )
    facts = {"problem", "batch_size", "dtype", "rule", "peer", "trials", "reason"}
    assert {*document["agreement"][0]} == facts | {"steps", "difference", "prepare_seconds"}
    assert {*document["speed"][0]} == facts | {
        *("cores", "speed", "low", "high", "ratio", "ratio_low", "ratio_high", "prepare_seconds"),
    }
    assert {row["peer"] for row in document["speed"]} == {OURS, "scikit-learn"}
    assert document["environment"]["scikit-learn"] == version("scikit-learn") and document["rounds"] == 2
    ours, row = document["agreement"]
    assert (ours["peer"], ours["difference"]) == (OURS, 0.0)
    assert row["dtype"] == "float64" and row["difference"] < 1e-6 and row["steps"] == STEPS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["adem"], "did you mean 'adam'"),
        (["newton", "--net", "4-3-2"], "more than a gradient"),
        (["--problem", "booth"], "is not a network"),
        (["--peer", "jacks"], "did you mean 'jax'"),
        (["--cores", "0"], "--cores '0' must be a whole number from 1 to"),
        (["--cores", "half"], "or all"),
        (["--net", "784"], "such as 784-128-10"),
        (["--dtype", "float16"], "--dtype 'float16' is not known"),
        (["--trials", "0"], "--trials"),
        (["--problem", "iris", "--batch", "4000"], "batch_size = 4000 is larger"),
    ],
)
def test_mistakes_are_told_in_one_sentence(arguments, words, capsys):
    code, out, err = call(capsys, *arguments)
    assert code == 2 and out == "" and words in err and err.count("\n") == 1 and "Traceback" not in err
