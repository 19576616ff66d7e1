"""The cube method: inclusion probabilities by Monte Carlo, balance by linear algebra, sizes by counting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from l0engine.errors import ConfigError
from l0engine.selection import Joint, Mean, Quantiles, Share, Standardised, balanced, moments, random
from l0engine.selection.cube import flight


def people(n, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "income": rng.lognormal(10, 1, n),
            "sex": rng.choice(["f", "m"], n),
            "region": rng.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1]),
        }
    )


WANTED = (Mean("age"), Mean("income"), Share("sex"), Joint("sex", "region"), Quantiles("age", (0.2, 0.5, 0.8)))


def within(hits, draws, p, deviations=4.5):
    """Whether frequencies of independent draws are those of these probabilities."""
    return (np.abs(hits / draws - p) <= deviations * np.sqrt(p * (1 - p) / draws) + 1e-12).all()


def test_every_row_has_the_same_chance():
    features, draws = moments(people(14), Mean("age"), Mean("income")), 250
    hits = np.zeros(14)
    for seed in range(draws):
        hits[balanced(features, 5, seed=seed)] += 1
    assert hits.sum() == 5 * draws and within(hits, draws, np.full(14, 5 / 14))


def test_the_flight_keeps_unequal_probabilities_in_expectation():
    rng, draws = np.random.default_rng(1), 250
    features = Standardised.create(rng.standard_normal((30, 3)))
    p = rng.uniform(0.05, 0.95, 30)
    p[:2] = 0.0, 1.0
    total = np.zeros(30)
    for _ in range(draws):
        after = flight(features, p, rng, columns=np.arange(3))
        assert after[0] == 0 and after[1] == 1 and ((after >= 0) & (after <= 1)).all()
        total += after
    assert within(total, draws, p)  # what stays open varies less than what is decided


@pytest.mark.parametrize("rows", [150, 2500])
def test_the_flight_meets_the_balancing_equations(rows):
    features = moments(people(rows), *WANTED)
    x = np.column_stack([features.dense(), np.ones(rows)])
    p = np.random.default_rng(2).uniform(0.01, 0.6, rows)
    after = flight(features, p, np.random.default_rng(3), columns=np.arange(features.shape[1]))
    np.testing.assert_allclose(x.T @ after, x.T @ p, atol=1e-8)
    open_ = np.flatnonzero((after > 0) & (after < 1))
    assert len(open_) <= np.linalg.matrix_rank(x) < features.shape[1]  # shares of sexes and of pairs depend on each other
    assert np.linalg.matrix_rank(x[open_]) == len(open_)  # nothing more can move


@pytest.mark.parametrize("n", [1, 2, 77, 299, 300])
def test_the_size_is_exact_and_the_seed_decides(n):
    features = moments(people(300), *WANTED)
    rows = balanced(features, n, seed=5)
    assert len(np.unique(rows)) == n and (np.diff(rows) > 0).all()
    assert (rows == balanced(features, n, seed=5)).all()
    assert n in (299, 300) or (rows != balanced(features, n, seed=6)).any()


@pytest.mark.parametrize("n", [-1, 0, 301])
def test_impossible_sizes(n):
    with pytest.raises(ConfigError, match="300 rows is impossible"):
        balanced(moments(people(300), *WANTED), n)


def test_it_is_balanced_several_times_better_than_at_random():
    features = moments(people(4000), *WANTED)
    srs = np.median([np.abs(features.differences(random(4000, 400, seed=s))).max() for s in range(20)])
    assert max(np.abs(features.differences(balanced(features, 400, seed=s))).max() for s in range(3)) < srs / 3


def test_strata_are_met_to_the_row():
    """Disjoint shares alone: then every cell gets its share of n, rounded up or down, as in a stratified sample."""
    frame = people(1000)
    rows = balanced(moments(frame, Joint("sex", "region")), 123)
    cells = frame.groupby(["sex", "region"]).size() * 123 / 1000
    got = frame.iloc[rows].groupby(["sex", "region"]).size()
    assert (np.abs(got - cells) < 1).all()


@pytest.mark.parametrize("polls", [0, 1, 3])
def test_a_stopped_draw_has_its_size_all_the_same(polls):
    calls = iter([False] * polls)
    rows = balanced(moments(people(3000), *WANTED), 200, should_stop=lambda: next(calls, True))
    assert len(np.unique(rows)) == 200


def test_a_draw_stopped_at_once_is_still_fair():
    features, hits = moments(people(20), Mean("age")), np.zeros(20)
    for seed in range(3000):
        hits[balanced(features, 7, seed=seed, should_stop=lambda: True)] += 1
    assert within(hits, 3000, np.full(20, 7 / 20))


def test_more_columns_than_rows_and_twins():
    x = np.random.default_rng(0).standard_normal((40, 60))
    assert len(balanced(Standardised.create(x), 11)) == 11
    assert len(balanced(Standardised.create(x[:, [0, 0, 1, 1]] * [1, 1e200, 1, -1]), 11)) == 11
