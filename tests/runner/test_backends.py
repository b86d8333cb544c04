"""Whoever trains a trial, its bits are the same: threads, processes, and the first of several that takes it."""

import pytest
from pool_backend import Pool

import gdbench
from gdbench import plugins, suites
from gdbench.errors import UsageError
from gdbench.kernels import RULES, source_hash
from gdbench.kernels.compile.driver import SIMULATED
from gdbench.runner.backends.contract import First, Order, orders_of, train_order
from gdbench.runner.backends.threads import Threads

RULE = '''import gdbench

@gdbench.rule(lr=0.1, hold={pull})
def pulled(p, g, c):
    """p - lr (g + hold p)."""
    return p - c.lr * (g + c.hold * p)
'''
SUITE = {
    "title": "Backends",
    "seeds": 1,
    "tune_seeds": 0,
    "batch_size": 32,
    "budget": {"steps": 12},
    "evaluate": {"points": 4},
    "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [3]}},
    "rule": {"sgd": {"lr": 0.1}, "adam": {"lr": 0.01}},
}


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "pulled.py"
    path.write_text(RULE.format(pull=0.5))
    plugins.load_file(path)
    yield path
    plugins._forget(plugins._loaded.pop(str(path), ("", []))[1])
    RULES.pop("pulled", None)


def digests(run):
    return dict(zip(run.trials["key"], run.trials["digest"], strict=True))


class Picky(Threads):
    """Threads that take sgd alone, and let go of what `drops` names."""

    name = "picky"
    drops = ()

    def refuses(self, setting):
        """What is not sgd."""
        return "" if setting.definition["rule"] == "sgd" else "rules other than sgd"

    def train(self, orders):
        """All but what is dropped."""
        yield from super().train([order for order in orders if order.trial.seed not in self.drops])


@pytest.fixture
def in_memory():
    """A rule that stands in no file, as in a notebook."""

    def halved(p, g, c):
        """p - lr g / 2."""
        return p - 0.5 * c.lr * g

    gdbench.rule(lr=0.1)(halved)
    yield "halved"
    RULES.pop("halved", None)


@pytest.mark.skipif(SIMULATED, reason="starts processes, which would simulate a GPU too")
def test_processes_give_the_bits_of_threads_with_a_rule_of_a_plug_in(plugin, in_memory, tmp_path):
    suite = {**SUITE, "rule": {**SUITE["rule"], "pulled": {"lr": 0.1}}}
    threads = gdbench.run(suite, store=tmp_path / "threads.db", time=False)
    pool = gdbench.run(suite, store=tmp_path / "pool.db", backend=Pool(), time=False)
    assert set(pool.trials["backend"]) == {"pool"} and pool.about["backend"] == "pool"
    assert digests(pool) == digests(threads) and len(digests(pool)) == 3
    with pytest.raises(UsageError, match=r"rules of your own as plug-in files \(unknown rule 'halved'"):
        gdbench.run({**SUITE, "rule": {in_memory: {"lr": 0.1}}}, store=tmp_path / "pool.db", backend=Pool(), time=False)


def test_an_order_holds_what_its_trial_needs_and_nothing_else(plugin):
    suite = suites.load({**SUITE, "rule": {"lookahead": {"inner": "pulled"}, "sgd": {}}})
    around, alone = orders_of(suite.first_trials())
    assert [file for file, _ in around.plugins] == [str(plugin)] and alone.plugins == ()
    assert around.code != alone.code == source_hash()


def test_a_worker_with_another_plug_in_or_other_code_gets_nothing(plugin):
    (trial, *_) = suites.load({**SUITE, "rule": {"pulled": {"lr": 0.1}}}).first_trials()
    (order,) = orders_of([trial])
    record = train_order(order)
    assert record is not None and record.status == "exhausted"
    with pytest.raises(UsageError, match="code of this worker is not that of the run"):
        train_order(Order(trial, order.plugins, "another"))
    plugin.write_text(RULE.format(pull=0.7))
    with pytest.raises(UsageError, match="is not the one that the run began with"):
        train_order(order)


def test_the_first_that_does_not_refuse_a_trial_trains_it(tmp_path):
    alone = gdbench.run(SUITE, store=tmp_path / "alone.db", time=False)
    both = gdbench.run(SUITE, store=tmp_path / "both.db", backend=Picky(2), time=False)
    assert dict(zip(both.trials["rule"], both.trials["backend"], strict=True)) == {"sgd": "picky", "adam": "cpu"}
    assert digests(both) == digests(alone)


def test_what_a_backend_lets_go_of_the_next_one_trains():
    suite = suites.load({**SUITE, "seeds": 3})
    picky = Picky(1)
    picky.drops = (1,)
    first = First([picky, Threads(1)])
    assert first.name == "picky" and first.taker(suite.settings[0]) is picky
    found = [(name, r.rule, r.seed) for name, records in first.train(orders_of(suite.first_trials())) for r in records]
    assert sorted(found) == sorted(
        [("picky", "sgd", 0), ("picky", "sgd", 2), ("cpu", "sgd", 1), *(("cpu", "adam", seed) for seed in range(3))]
    )


def test_what_nobody_takes_is_told():
    (adam,) = (setting for setting in suites.load(SUITE).settings if setting.rule == "adam")
    only = First([Picky(1)])
    assert only.refuses(adam) == "rules other than sgd"
    with pytest.raises(UsageError, match="no backend trains rules other than sgd"):
        only.taker(adam)


def test_closing_the_training_cancels_what_has_not_ended():
    suite = suites.load({**SUITE, "seeds": 2, "budget": {"steps": 10_000_000}})
    short = suites.load({**SUITE, "seeds": 1})
    trials = [*short.first_trials()[:1], *suite.first_trials()]
    training = Threads(2, chunk=10).train(orders_of(trials))
    name, records = next(training)
    assert name == "cpu" and len(records) <= 1
    training.close()  # which would not return for hours otherwise
