"""The parts of a step, each timed by itself, do what a step does; and the machine's references do what they count."""

import numpy as np
import pytest

from gdbench.kernels import MLP, Samples
from gdbench.kernels.arithmetic import peak as kernels
from gdbench.kernels.compile.jit import DISABLED, first_class
from gdbench.kernels.networks import parts
from gdbench.kernels.networks.network import BLOCK
from gdbench.kernels.rules.registry import find
from gdbench.machine.caches import levels
from gdbench.timing import Case, cases, plan
from gdbench.timing.steps import parts as part_subjects
from gdbench.timing.steps import update, whole_step
from gdbench.timing.subjects import side_by_side

N = 2 * BLOCK + 9


def network(hidden=(7,), dtype="float64", loss="cross-entropy", activation="relu"):
    random = np.random.default_rng(3)
    x, labels = random.normal(size=(N, 6)).astype(dtype), random.integers(0, 4, N)
    targets = random.normal(size=(N, 4)).astype(dtype)
    samples = Samples(x, labels, targets[:0]) if loss == "cross-entropy" else Samples(x, labels[:0], targets)
    none = Samples(x[:0], samples.labels[:0], targets[:0])
    shape = {"hidden": hidden, "activation": activation, "loss": loss, "init": "he-normal"}
    return MLP([samples, none, none], 4, l2=0.1, dtype=dtype, **shape)


@pytest.mark.parametrize("size", [5, BLOCK, N])
@pytest.mark.parametrize(
    ("hidden", "loss", "activation"),
    [((), "cross-entropy", "relu"), ((7,), "mse", "gelu"), ((7, 3, 5, 6), "cross-entropy", "tanh")],
)
def test_parts_one_after_another_give_the_gradient_of_a_step_however_often_each_runs(size, hidden, loss, activation):
    # The blocks of a batch share one workspace, so that a part by itself sees the last block alone: so does this.
    problem = network(hidden, loss=loss, activation=activation)
    theta, work, order = problem.initial(0), problem.workspace(), np.arange(N)
    last = (size - 1) % BLOCK + 1
    rows = order[size - last : size]
    shown = Samples(
        problem.x[rows], problem.samples.labels[rows[: problem.samples.labels.size]], problem.samples.targets
    )
    if problem.samples.targets.size:
        shown = shown._replace(targets=problem.samples.targets[rows])
    parts.gather_batches(3, shown, order, last, 1, work)
    parts.forward_batches(3, theta, problem.network, last, work)
    parts.losses(3, problem.network, shown, order, last, work)
    parts.backward_batches(3, theta, problem.network, last, work)
    wanted = problem.gradient(theta, rows)
    np.testing.assert_array_equal(work.gradient, wanted)


def test_a_gather_visits_the_batches_of_an_epoch_in_turn():
    problem = network()
    work, order = problem.workspace(), np.arange(N)[::-1].copy()
    for count, begin in ((1, 0), (2, 10), (4, 0)):
        parts.gather_batches(count, problem.samples, order, 10, 3, work)
        np.testing.assert_array_equal(work.values[:60].reshape(10, 6), problem.x[order[begin : begin + 10]])


@pytest.mark.parametrize("size", [5, BLOCK + 3])
def test_a_layers_products_are_those_of_its_matrices(size):
    problem = network((7, 5))
    theta, work = np.random.default_rng(0).normal(size=problem.size), problem.workspace()
    for array in (work.values, work.deltas):
        array[...] = np.random.default_rng(1).normal(size=array.shape)
    w, bias = theta[49:84].reshape(7, 5), theta[84:89]  # the second layer's, after 6 x 7 + 7 of the first
    rows, last = min(size, BLOCK), max(size - BLOCK, 0)
    x, d = work.values[BLOCK * 6 :][: rows * 7].reshape(rows, 7).copy(), work.deltas[BLOCK * 13 :][: rows * 5].copy()
    d = d.reshape(rows, 5)
    for kind in (parts.FORWARD, parts.WEIGHTS, parts.INPUTS):
        parts.layer_products(2, kind, 1, theta, problem.network, size, work)
    np.testing.assert_allclose(work.values[BLOCK * 13 :][: rows * 5].reshape(rows, 5), x @ w + bias, rtol=1e-12)
    np.testing.assert_allclose(work.gradient[49:84].reshape(7, 5), x.T @ d + x[:last].T @ d[:last], rtol=1e-12)
    np.testing.assert_allclose(work.deltas[BLOCK * 6 :][: rows * 7].reshape(rows, 7), d @ w.T, rtol=1e-12)


def test_updates_are_the_rules_update_as_often_as_asked_with_the_tables_rows_in_turn():
    rule = find("momentum")
    table = rule.table(rule.with_defaults({}), 1, np.array([0.1, 0.2]), "float64")
    given = first_class(rule.update("float64"), rule.source)
    p, g, state = np.ones(5), np.arange(5.0), np.zeros((1, 5))
    parts.updates("float64")(given, 3, p, g, state, table)
    q, slots = np.ones(5), np.zeros((1, 5))
    for row in (0, 1, 0):
        rule.update("float64")(q, g, slots, table[row], 0)
    np.testing.assert_array_equal(p, q)
    np.testing.assert_array_equal(state, slots)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_peak_does_the_multiply_adds_that_it_counts(dtype):
    sums = np.zeros(kernels.lanes(dtype), dtype)
    kernels.multiply_add(3, np.ones(2, dtype), sums)
    assert (sums == 3 * kernels.REPEATS).all()
    sums[:] = np.arange(sums.size)
    kernels.multiply_add(1, np.array([1.0, 0.0], dtype), sums)
    np.testing.assert_array_equal(sums, np.arange(sums.size))


@pytest.mark.parametrize("size", [1, 3000, 100_001])
def test_the_triad_goes_over_all_of_its_arrays(size):
    count = kernels.whole(size) // 8
    a, b = np.arange(float(count)), np.full(count, 2.0)
    kernels.triad(3, 0.5, a, b)
    np.testing.assert_array_equal(a, np.arange(count) + 3.0)
    assert kernels.whole(size) <= max(size, kernels.UNROLLED * kernels.VECTOR_BYTES)


class Counted(Case):
    """A case whose trainings can be looked at."""

    def begin(self):
        self.__dict__.setdefault("trainings", []).append(super().begin())
        return self.trainings[-1]


@pytest.mark.parametrize("count", [1, 999, 2001])
def test_a_scalar_rule_takes_as_many_steps_as_are_timed(count):
    case = Counted("net", network(), 5)
    timed = whole_step(case, "mine", find("adam"), {"beta1": 0.5}, levels())
    start = case.trainings[0].theta.copy()
    timed.run(count)
    assert case.trainings[0].steps == count and len(case.trainings) == 1
    assert 0 < np.abs(case.trainings[0].theta - start).max() < 1e-5
    assert (timed.part, timed.rule, timed.problem, timed.batch_size) == ("step", "mine", "net", 5)


def test_a_direction_rule_starts_again_where_it_can_go_no_further():
    (base,) = cases((), ["booth"], (), ["float64"])
    case = Counted(base.label, base.problem, 1)
    whole_step(case, "newton", find("newton"), {}, levels(), longest=4).run(10)
    taken = [training.steps for training in case.trainings]
    assert len(taken) > 2 and max(taken) <= 4


def test_subjects_count_useful_work_by_hand():
    case, caches = Case("net", network((7,), "float32"), 10), levels()
    found = {f"{s.part} {s.layer or ''}".strip(): s for s in part_subjects(case)}
    layers = {"1": 2 * 10 * 6 * 7, "2": 2 * 10 * 7 * 4}
    assert found["forward"].flops == layers["1"] + layers["2"]
    assert found["backward"].flops == layers["1"] + 2 * layers["2"]
    assert found["forward product 1"].flops == found["weight product 1"].flops == layers["1"]
    assert found["input product 2"].flops == layers["2"] and "input product 1" not in found
    step, alone = (make(case, "adam", find("adam"), {}, caches) for make in (whole_step, update))
    assert step.flops == found["forward"].flops + found["backward"].flops and alone.flops is None
    assert step.bytes == alone.bytes == (6 * 7 + 7 + 7 * 4 + 4) * 4 * 7 and alone.memory == caches[0].name


def test_every_part_of_a_plan_runs_at_any_number_of_jobs():
    asked = [Case("net", network((5, 3)), BLOCK + 2)]
    few = plan(asked, {"sgd": find("sgd")}, ())
    assert few.subjects == [] and few.compiled == 0
    copies = side_by_side(lambda: list(part_subjects(asked[0])), 2)
    for copy in copies:
        copy.run(2)
        assert copy.jobs == 2 and copy.name.endswith(", 2 jobs")
    assert DISABLED or len({copy.name for copy in copies}) == len(copies) == 4 + 3 * 3 - 1
