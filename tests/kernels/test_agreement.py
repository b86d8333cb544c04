"""Every rule against PyTorch and Optax, where they are installed, in float64."""

import numpy as np
import pytest
import reference
from prescribed import run
from rule_table import ROWS

import gdbench
from gdbench.kernels import RULES
from gdbench.kernels.rules import schedules
from gdbench.peers import optimizers

STEPS = 1000
RNG = np.random.default_rng(3)
GRADIENTS, START = RNG.normal(size=(STEPS, 37)), RNG.normal(size=37)


@pytest.fixture
def torch():
    """PyTorch with float64 as its default, without which NAdam's own constants cost eleven digits."""
    import torch

    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)  # threads cost more than these small products
    yield torch
    torch.set_default_dtype(before)
    torch.set_num_threads(threads)


@pytest.fixture
def jax():
    """JAX in float64."""
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


def difference(got, expected):
    """Largest difference relative to the largest parameter."""
    return np.abs(got - expected).max() / np.abs(expected).max()


# A rule and its options; what is not given is each side's default.
TORCH = [(name, options) for name, row in ROWS.items() for options in row.torch]
OPTAX = {
    f"{name}, {case}".removesuffix(", "): (name, *given)
    for name, row in ROWS.items()
    for case, given in row.optax.items()
}
OPTAX["lookahead(sgd)"] = "lookahead(sgd)", {"lr": 0.1}, lambda optax: optax.lookahead(optax.sgd(0.1), 5, 0.5)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("decay", [{}, {"weight_decay": 0.1}], ids=["", "weight_decay"])
@pytest.mark.parametrize(("name", "options"), TORCH)
def test_a_thousand_steps_agree_with_pytorch(name, options, decay, torch):
    p = torch.tensor(START, requires_grad=True)
    optimizer, its = optimizers.pytorch(name, options)
    stepper = getattr(torch.optim, optimizer)([p], **its, **decay)
    for g in torch.tensor(GRADIENTS):
        p.grad = g
        stepper.step()
    assert difference(run(name, GRADIENTS, START, **options, **decay), p.detach().numpy()) <= 1e-12


def test_every_rule_is_compared_with_pytorch_or_optax_or_says_why_not():
    for name, row in ROWS.items():
        assert bool(row.torch or row.optax) != bool(row.alone), name


@pytest.mark.needs("jax", "optax")
@pytest.mark.parametrize("case", OPTAX)
def test_a_thousand_steps_agree_with_optax(case, jax):
    import optax

    name, options, make = OPTAX[case]
    optimizer = make(optax)
    p = jax.numpy.asarray(START)
    ahead = bool(ROWS[name.partition("(")[0]].wraps)
    params = optax.LookaheadParams.init_synced(p) if ahead else p

    def step(carry, g):
        params, state = carry
        updates, state = optimizer.update(g, state, params)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.jit(lambda carry: jax.lax.scan(step, carry, GRADIENTS))((params, optimizer.init(params)))
    expected = np.asarray(params.fast if ahead else params)
    assert difference(run(name, GRADIENTS, START, **options), expected) <= 1e-12


# One of each, with PyTorch's own defaults otherwise, fed back through a loss.
@pytest.mark.needs("torch")
@pytest.mark.parametrize("lr", [1e-3, 1e-2])
@pytest.mark.parametrize("name", dict(TORCH))
def test_training_digits_agrees_with_pytorch(name, lr, torch):
    problem = gdbench.problem({"kind": "mlp", "dataset": "digits", "hidden": [32, 16]})
    theta = problem.initial(0)
    layers = [torch.tensor(a, requires_grad=True) for pair in reference.unpack(theta, problem.sizes) for a in pair]
    optimizer, its = optimizers.pytorch(name, {})
    stepper = getattr(torch.optim, optimizer)(layers, lr=lr, **its)
    x, y = torch.tensor(problem.x), torch.tensor(problem.y)
    for step in range(1, 201):
        rows = torch.tensor(problem.batch(0, step, 32))
        z = x[rows]
        for i in range(0, len(layers), 2):
            z = z @ layers[i] + layers[i + 1]
            z = torch.relu(z) if i < len(layers) - 2 else z
        stepper.zero_grad()
        torch.nn.functional.cross_entropy(z, y[rows]).backward()
        stepper.step()
    expected = np.concatenate([layer.detach().numpy().ravel() for layer in layers])
    rule = RULES[name]
    trained = problem.begin(seed=0, batch_size=32)
    lrs = schedules.learning_rates(schedules.with_defaults("constant"), lr, 1, 200, 200)
    table = rule.table(rule.with_defaults({"lr": lr}), 1, lrs, "float64")
    trained.advance(rule.update("float64"), np.zeros((len(rule.slots), problem.size)), table)
    assert difference(trained.theta, expected) <= 1e-7
