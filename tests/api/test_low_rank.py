"""Refitter.add_low_rank: W + Σ s·B·A over a kept W. NumPy's sums of quarters are exact, and the oracle."""

import numpy as np
import pytest
from linear import B, W, X, linear_engine

import tenon


def quarters(*shape, seed):
    return np.random.default_rng(seed).integers(-8, 8, shape).astype(np.float32) / 4


FACTORS = {name: (quarters(2, W.shape[1], seed=seed), quarters(W.shape[0], 2, seed=9 + seed)) for seed, name in enumerate("ab")}


def summed(**scales):
    return W + sum(scale * FACTORS[name][1] @ FACTORS[name][0] for name, scale in scales.items())


@pytest.fixture
def engine(device):
    return linear_engine(device=device)


def add(refitter, name, scale=1.0, weight="w"):
    refitter.add_low_rank(weight, *FACTORS[name], scale=scale, adapter=name)


def holds(engine, w, b=B):
    np.testing.assert_array_equal(engine(X), X @ w + b)


def test_terms_are_added_rescaled_and_taken_away(engine):
    refitter = engine.refitter()
    add(refitter, "a", 0.5)
    refitter.commit()
    holds(engine, summed(a=0.5))
    add(refitter, "b", 2)
    refitter.commit()
    holds(engine, summed(a=0.5, b=2))
    add(refitter, "a", 0)
    refitter.commit()
    holds(engine, summed(b=2))
    refitter.clear_low_rank()
    refitter.commit()
    holds(engine, W)


def test_the_weight_itself_is_what_is_read_refitted_and_saved(engine):
    refitter = engine.refitter()
    add(refitter, "a")
    refitter.commit()
    np.testing.assert_array_equal(engine.weights["w"].numpy(), W)
    engine.refit({"b": 2 * B})
    holds(engine, summed(a=1), 2 * B)
    holds(tenon.load(engine.to_bytes()), W, 2 * B)
    merged = tenon.load(engine.to_bytes(merge=True))
    holds(merged, summed(a=1), 2 * B)
    np.testing.assert_array_equal(merged.weights["w"].numpy(), summed(a=1))
    engine.reset()
    holds(engine, W)


def test_relative_to_a_set_that_is_not_current(engine):
    plain = engine.current
    refitter = engine.refitter()
    add(refitter, "a")
    refitter.commit()
    beside = engine.refitter(base=plain)
    add(beside, "b")
    weights = beside.prepare()
    holds(engine, summed(a=1))
    engine.publish(weights)
    holds(engine, summed(b=1))


def test_factors_are_copied_and_of_any_float_and_layout(engine):
    a, b = FACTORS["a"][0].astype(np.float16), np.asfortranarray(FACTORS["a"][1].astype(np.float64))
    refitter = engine.refitter()
    refitter.add_low_rank("w", a, b)
    a[:], b[:] = np.nan, np.nan
    refitter.commit()
    holds(engine, summed(a=1))


def test_one_error_for_all_that_do_not_fit_and_nothing_changes(engine):
    refitter = engine.refitter()
    a, b = FACTORS["a"]
    refitter.add_low_rank("w", a[:, 1:], b, adapter="thin")
    refitter.add_low_rank("b", a, b, adapter="flat")
    refitter.add_low_rank("v", a, b, adapter="lost")
    with pytest.raises(tenon.RefitError) as raised:
        refitter.commit()
    assert len(raised.value.problems) == 3
    assert 'adapter "lost" cannot change "v", which is not in this engine' in " ".join(raised.value.problems)
    holds(engine, W)
    with pytest.raises(tenon.InputError, match='a of "w"'):
        refitter.add_low_rank("w", object(), b)


def test_digests_are_those_of_weights(engine):
    assert tenon.digest(W) == engine.weights["w"].digest
    assert tenon.digest(np.asfortranarray(W)) == tenon.digest(W) != tenon.digest(W + 1)
