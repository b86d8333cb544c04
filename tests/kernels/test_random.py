"""Counter-based random numbers: the published generator, the right distributions, pure functions of their key."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from gdbench.kernels.arithmetic import random
from gdbench.kernels.arithmetic.random import Stream
from gdbench.kernels.compile.jit import kernel


@kernel(source=None)
def _philox(seed, stream, step, index):
    return random.philox(seed, stream, step, index)


@kernel(source=None)
def _quantile(u):
    return random.normal_quantile(u)


def test_philox_gives_the_authors_known_answers():
    # kat_vectors of Random123: counter 0 and key 0; then the hexadecimal digits of pi.
    assert [int(w) for w in _philox(0, 0, 0, 0)] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    index, step = 0x243F6A88 | (0x85A308D3 << 32), 0x13198A2E | (0x03707344 << 32)
    words = _philox(np.uint64(0xA4093822 | (0x299F31D0 << 32)), 0, np.uint64(step), np.uint64(index))
    assert [int(w) for w in words] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def test_normal_quantile_agrees_with_scipy():
    u = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 2001), 10.0 ** -np.arange(1.0, 17.0)])
    got = np.array([_quantile(x) for x in u])
    np.testing.assert_allclose(got, special.ndtri(u), rtol=1e-13, atol=1e-15)


def test_draws_have_their_distributions():
    assert stats.kstest(random.uniforms(3, Stream.INITIAL, 50_000), "uniform").pvalue > 0.01
    assert stats.kstest(random.normals(3, Stream.INITIAL, 50_000), "norm").pvalue > 0.01


def test_streams_steps_and_seeds_differ():
    keys = [(0, Stream.INITIAL, 0), (1, Stream.INITIAL, 0), (0, Stream.NOISE, 0), (0, Stream.INITIAL, 1)]
    draws = np.array([random.uniforms(seed, stream, 2000, step) for seed, stream, step in keys])
    correlations = np.corrcoef(draws) - np.eye(len(keys))
    assert np.abs(correlations).max() < 0.1


@given(st.integers(0, 2**62), st.integers(0, 2**40), st.integers(1, 300))
def test_permutations_are_permutations_and_repeat(seed, step, n):
    first = random.permutation(seed, Stream.SHUFFLE, n, step)
    assert sorted(first.tolist()) == list(range(n))
    np.testing.assert_array_equal(first, random.permutation(seed, Stream.SHUFFLE, n, step))


def test_every_permutation_is_equally_likely():
    counts = {}
    for step in range(12_000):
        key = tuple(random.permutation(0, Stream.SHUFFLE, 4, step).tolist())
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 24
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_draw_does_not_depend_on_how_many_are_asked_for(n):
    np.testing.assert_array_equal(random.normals(5, Stream.DATA, n), random.normals(5, Stream.DATA, 100)[:n])
