import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from further import further
from scipy import sparse as sp
from scipy.optimize import minimize

from l0engine.errors import ConfigError, L0Error, ProblemError
from l0engine.gates.counts import gate_counts, held
from l0engine.hard_concrete import HardConcreteDistribution
from l0engine.selection import (
    Joint,
    Mean,
    Quantiles,
    Share,
    Standardised,
    choose_features,
    choose_samples,
    iterate_features,
    iterate_samples,
    moments,
    random,
    random_part,
    stratified,
)
from l0engine.selection.backward import eliminate, least_missed
from l0engine.selection.models import LeastSquares, Logistic


def table(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, n)
    return pd.DataFrame(
        {
            "age": age,
            "income": rng.lognormal(10, 1, n) * (1 + age / 100),
            "sex": rng.choice(["f", "m"], n),
            "region": rng.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1]),
            "owner": rng.random(n) < 0.6,
        }
    )


FRAME = table()
WANTED = (Mean("age"), Mean("income"), Mean("owner"), Share("region"), Joint("sex", "region"), Quantiles("income", (0.25, 0.5, 0.9)))


def by_hand(frame, rows):
    """Standardised differences of the moments in WANTED, from the frame itself."""
    columns = [frame.age, frame.income, frame.owner * 1.0]
    columns += [(frame.region == r) * 1.0 for r in "abcd"]
    columns += [((frame.sex == s) & (frame.region == r)) * 1.0 for s in "fm" for r in "abcd"]
    columns += [(frame.income <= np.sort(frame.income)[math.ceil(q * len(frame)) - 1]) * 1.0 for q in (0.25, 0.5, 0.9)]
    return np.array([(c.iloc[rows].mean() - c.mean()) / c.std(ddof=0) for c in columns])


# -- standardised tables and moments -------------------------------------------------------------------------------------


def test_moments_are_the_means_and_shares_of_the_table():
    features, rows = moments(FRAME, *WANTED), np.arange(0, 4000, 7)
    np.testing.assert_allclose(features.differences(rows), by_hand(FRAME, rows), atol=2e-6)
    assert features.names[:4] == ("mean of age", "mean of income", "mean of owner", "region = a")
    assert "sex = f, region = d" in features.names and features.shape == (4000, 18)
    assert features.mean[3] == pytest.approx((FRAME.region == "a").mean())


def test_what_is_asked_twice_stands_once_and_coinciding_quantiles_count_once():
    frame = pd.DataFrame({"x": [0.0] * 6 + [1.0, 2.0, 3.0, 4.0]})
    assert moments(frame, Mean("x"), Mean("x"), Quantiles("x", (0.1, 0.2, 0.5, 0.7))).names == ("mean of x", "x up to 0", "x up to 1")


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array, sp.coo_matrix, pd.DataFrame])
def test_dense_and_sparse_tables_agree(kind):
    x = np.random.default_rng(1).standard_normal((50, 4)) * (np.random.default_rng(2).random((50, 4)) < 0.4) + np.array([0, 0, 5000, 0])
    got = Standardised.create(kind(x))
    np.testing.assert_allclose(got.dense(), (x - x.mean(0)) / x.std(0), atol=1e-4)
    np.testing.assert_allclose(got.differences(np.arange(9)), ((x - x.mean(0)) / x.std(0))[:9].mean(0), atol=1e-4)
    np.testing.assert_allclose((got.mean, got.sd), (x.mean(0), x.std(0)))


def bad(**columns):
    return pd.DataFrame({"good": [1.0, 2.0, 3.0], **columns})


@pytest.mark.parametrize(
    ("wanted", "frame", "words"),
    [
        ((), bad(), "Nothing is asked"),
        ((Mean("x"),), bad(), "'x'.*good"),
        ((Mean("x"),), bad(x=[1.0, np.nan, 2.0]), "'x' has 1 missing"),
        ((Mean("x"),), bad(x=[1.0, np.inf, 2.0]), "'x' has infinite"),
        ((Mean("x"),), bad(x=["a", "b", "c"]), "'x' is not numeric"),
        ((Mean("x"),), bad(x=[2.0, 2.0, 2.0]), "'x' is the same"),
        ((Share("x"),), bad(x=["a", "a", "a"]), "'x' has a single"),
        ((Share("x"),), bad(x=["a", None, "a"]), "'x' has 1 missing"),
        ((Share("good"),), pd.DataFrame({"good": np.arange(1001)}), "'good' has 1,001 different"),
        ((Mean("good"),), bad().iloc[:0], "empty"),
    ],
)
def test_bad_tables_are_named_in_one_sentence(wanted, frame, words):
    with pytest.raises(L0Error, match=words) as caught:
        moments(frame, *wanted)
    assert str(caught.value).endswith(".") and str(caught.value).count(". ") == 0


@pytest.mark.parametrize("mixed", [[1, "1", 2, "2"], [True, "True", 0, "0"], ["1", 1, "2", 2]])
@pytest.mark.parametrize("kind", [pd.Series, pd.Categorical])
def test_numbers_and_texts_that_read_alike_are_one_category(mixed, kind):
    frame = pd.DataFrame({"x": kind([*mixed, *mixed[:2]] * 5), "y": np.arange(30) % 3})
    texts = sorted({str(v) for v in mixed})
    one = moments(frame, Share("x"))
    assert one.names == tuple(f"x = {t}" for t in texts) and sorted(one.mean) == pytest.approx([1 / 3, 2 / 3])
    both = moments(frame, Share("x"), Joint("x", "y"), Joint("y", "x"))
    assert len(both.names) == len(set(both.names)) == 2 + both.shape[1] - 2 and both.mean[2:].sum() == pytest.approx(2)
    assert frame.x.iloc[stratified(frame, ["x"], 6)].map(str).value_counts().tolist() == [4, 2]


@pytest.mark.parametrize("values", [[[1], [2], [1], [3]], [{"a": 1}, 2, 3, 2], [1.5, "1.5", 2, None]])
def test_what_is_no_category_is_read_as_text_or_refused(values):
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    if None in values:
        with pytest.raises(ProblemError, match="'x' has 1 missing"):
            moments(frame, Share("x"))
    else:
        assert moments(frame, Share("x")).shape == (4, 3)


def test_different_figures_of_one_name_are_refused():
    rows = [("p", "q, b = r"), ("p, b = q", "r"), ("s", "t"), ("s", "t")]
    frame = pd.DataFrame(rows, columns=["a", "b"])
    with pytest.raises(ProblemError, match=r"called 'a = p, b = q, b = r': rename"):
        moments(frame, Joint("a", "b"))
    frame = pd.DataFrame({"a": ["1", "1, b = 2", "1, b = 2", "3"], "b": [2, 5, 5, 6]})
    with pytest.raises(ProblemError, match="'a = 1, b = 2'"):
        moments(frame, Share("a"), Joint("a", "b"))


AGES = np.random.default_rng(4).integers(18, 90, 500)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("base", [0, 10**9, 10**12, 10**15])
def test_small_differences_between_large_numbers_are_seen(base, kind):
    got = Standardised.create(kind((base + AGES)[:, None].astype(float)), ["x"])
    assert got.sd[0] == pytest.approx(AGES.std(), rel=1e-9) and got.mean[0] == pytest.approx(base + AGES.mean(), rel=1e-15)
    np.testing.assert_allclose(got.dense()[:, 0], (AGES - AGES.mean()) / AGES.std(), atol=1e-6)


@pytest.mark.parametrize("scale", [5e-324, 1e-160, 1e306, *further(1e-310, 1e-200, 1e150, 1e200)])
def test_the_unit_of_a_column_makes_no_difference(scale):
    x = np.random.default_rng(0).integers(-80, 100, (300, 2)).astype(float)
    x[:, 1] *= np.random.default_rng(1).random(300) < 0.3
    for kind in (np.asarray, sp.csc_array):
        got = Standardised.create(kind(x * scale))
        np.testing.assert_allclose(got.dense(), (x - x.mean(0)) / x.std(0), atol=1e-5)
        np.testing.assert_allclose(got.sd, x.std(0) * scale, rtol=1e-10, atol=1e-323)
    plain, scaled = (choose_samples(Standardised.create(x * s), 30) for s in (1.0, scale))
    assert scaled.largest < 0.05 and plain.largest < 0.05


def test_numbers_at_the_ends_of_the_range():
    frame = pd.DataFrame({"x": [1.7e308, -1.7e308, 0.0, 1e308] * 25, "y": np.arange(100)})
    features = moments(frame, Mean("x"), Mean("y"), Quantiles("x", (0.25, 0.5)))
    assert np.isfinite(features.mean).all() and np.isfinite(features.sd).all()
    assert choose_samples(features, 20).largest < 0.1


@pytest.mark.parametrize(
    "values", [np.full(70, 0.1), np.full(70, 1e200), 10**18 + np.arange(70), np.where(np.arange(70) % 2, 0.3, 0.1 * 3), np.zeros(70)]
)
def test_what_differs_by_rounding_only_is_constant(values):
    with pytest.raises(
        ProblemError, match=r"Column 'mean of x' is the same|Column 'x' is the same in every row to 15 digits: leave it out"
    ):
        moments(pd.DataFrame({"x": values}), Mean("x"))


def test_quantiles_that_differ_late_have_names_of_their_own():
    assert len(set(moments(pd.DataFrame({"x": 10**15 + AGES}), Quantiles("x")).names)) == 9
    assert moments(pd.DataFrame({"x": AGES}), Quantiles("x", (0.5,))).names == (f"x up to {int(np.sort(AGES)[249])}",)


@pytest.mark.parametrize("at", [(), (0.0,), (1.0,), (0.5, 2.0)])
def test_quantiles_are_between_0_and_1(at):
    with pytest.raises(ConfigError, match="'x'"):
        Quantiles("x", at)


# -- gates held to a count ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0.5, 1, 30, 99.5])
@pytest.mark.parametrize("spread", [0.0, 1.0, 6.0])
def test_held_gates_have_the_count_and_keep_their_distances(count, spread):
    dist, x = HardConcreteDistribution(), spread * torch.randn(100, generator=torch.Generator().manual_seed(0))
    y = held(x, count, dist)
    assert float(dist.p_active(y).sum()) == pytest.approx(count, rel=1e-2)
    if y.abs().max() < 20:
        assert float((y - x).std()) == pytest.approx(0, abs=1e-5)


def test_gate_counts_add_up():
    zero, *between, one = gate_counts(torch.tensor([0.0, 0.0, 1.0, 0.01, 0.52, 0.99])).tolist()
    assert (zero, one, between[0], between[10], between[-1], sum(between)) == (2, 1, 1, 1, 1, 3)


# -- samples -------------------------------------------------------------------------------------------------------------


def test_a_sample_has_the_size_and_the_moments():
    features = moments(FRAME, *WANTED)
    srs = np.median([np.abs(features.differences(random(4000, 200, seed=s))).max() for s in range(20)])
    for seed in range(3):
        found = choose_samples(features, 200, seed=seed)
        assert len(np.unique(found.indices)) == 200 and (np.diff(found.indices) > 0).all()
        np.testing.assert_allclose(found.differences, by_hand(FRAME, found.indices), atol=2e-6)
        assert found.largest <= srs / 5 and found.largest <= found.rounded


def test_the_gates_alone_bring_the_differences_down():
    features = moments(FRAME, *WANTED)
    rounded = [np.median([choose_samples(features, 400, seed=s, epochs=e).rounded for s in range(3)]) for e in (0, 60)]
    assert rounded[1] < rounded[0] / 2


def test_a_few_rows_with_most_of_the_variance_do_not_make_the_gates_swing():
    rng = np.random.default_rng(0)
    frame = FRAME.assign(wealth=rng.pareto(1.2, len(FRAME)))
    assert np.sort((frame.wealth - frame.wealth.mean()) ** 2)[-20:].sum() > 0.9 * len(frame) * frame.wealth.var(ddof=0)
    features = moments(frame, *WANTED, Mean("wealth"))
    late = [np.median([s.largest for s in choose_samples(features, 400, seed=seed).history[-20:]]) for seed in range(3)]
    assert max(late) < 0.01  # 0.029 where every column always takes its full share of the step


def test_snapshots_tell_what_the_gates_do():
    features = moments(FRAME, *WANTED)
    seen = []
    found = choose_samples(features, 200, watch=seen.append)
    assert tuple(seen) == found.history and [s.step for s in seen] == list(range(1, 61))
    for s in seen:
        assert s.gate_zero + s.gate_one + sum(s.gate_counts) == 4000
        assert s.expected_count == pytest.approx(200, rel=0.01)
    assert seen[-1].rounding < seen[0].rounding and seen[-1].largest < 0.05
    assert found.probabilities.shape == (4000,) and found.probabilities[found.indices].mean() > 0.5


def test_the_seed_decides():
    features = moments(FRAME, *WANTED)
    a, b, c = (choose_samples(features, 100, seed=s).indices for s in (3, 3, 4))
    assert (a == b).all() and len(set(a) & set(c)) < 30


def test_a_tiny_sample_is_close_to_the_best_of_all():
    x = np.random.default_rng(5).standard_normal((14, 2))
    features = Standardised.create(x)
    standard = (x - x.mean(0)) / x.std(0)
    every = np.sort(np.abs(standard[list(itertools.combinations(range(14), 5))].mean(1)).max(1))
    found = min(choose_samples(features, 5, seed=s).largest for s in range(5))
    assert found <= every[len(every) // 100]


@pytest.mark.parametrize("n", [1, 2, 3999, 4000])
def test_edge_sizes(n):
    assert len(choose_samples(moments(FRAME, Mean("age")), n, epochs=10).indices) == n


@pytest.mark.parametrize("kept", [0, 150, 200])
def test_rows_to_keep_are_kept_and_made_up_for(kept):
    features, keep = moments(FRAME, *WANTED), random(4000, 200, seed=1)[:kept]
    found = choose_samples(features, 200, keep=keep)
    assert len(found.indices) == 200 and set(keep) <= set(found.indices)
    assert (found.probabilities[keep] == 1).all()
    if kept == 150:
        assert found.largest < np.abs(features.differences(keep)).max() / 2


def test_a_stopped_run_still_has_its_sample():
    calls = iter([False] * 5 + [True] * 100)
    found = choose_samples(moments(FRAME, *WANTED), 200, should_stop=lambda: next(calls))
    assert found.stopped and len(found.history) == 5 and len(found.indices) == 200


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"n": 4001}, {"n": 5, "epochs": -1}, {"n": 5, "keep": [1, 1]}, {"n": 1, "keep": [1, 2]}, {"n": 5, "keep": [4000]}]
)
def test_bad_sample_settings(options):
    with pytest.raises(ConfigError):
        next(iterate_samples(moments(FRAME, Mean("age")), **options))


@pytest.mark.slow
def test_what_was_not_asked_stays_as_in_a_random_sample():
    x = np.random.default_rng(0).standard_normal((20_000, 12))
    x[:, 6:] += 0.5 * x[:, :6]
    x[:, 5] = x[:, 0] ** 2  # its mean is the variance of another column
    asked, unasked = Standardised.create(x[:, :5]), Standardised.create(x[:, 5:])
    mine, theirs = (
        np.sqrt(np.mean([unasked.differences(pick(s)) ** 2 for s in range(8)]))
        for pick in (lambda s: choose_samples(asked, 400, seed=s).indices, lambda s: random(20_000, 400, seed=s))
    )
    assert mine < theirs * 1.05


def test_stratified_is_proportional():
    rows = stratified(FRAME, ["sex", "region"], 123, seed=2)
    assert len(np.unique(rows)) == 123
    share = FRAME.groupby(["sex", "region"]).size() * 123 / 4000
    got = FRAME.iloc[rows].groupby(["sex", "region"]).size()
    assert (np.abs(got - share) < 1).all()
    assert len(stratified(FRAME, ["sex"], 4000)) == 4000
    with pytest.raises(ProblemError, match="'nowhere'"):
        stratified(FRAME, ["nowhere"], 5)


RARE = pd.DataFrame({"cell": np.random.default_rng(8).zipf(1.3, 6000) % 400, "income": np.random.default_rng(9).lognormal(10, 2, 6000)})


def share_differences(frame, rows):
    """Largest standardised difference of the shares of `cell`, from counts alone."""
    p = frame.cell.value_counts(normalize=True)
    q = frame.cell.iloc[rows].value_counts(normalize=True).reindex(p.index, fill_value=0)
    return ((q - p) / np.sqrt(p * (1 - p))).abs().max()


@pytest.mark.parametrize(("share_random", "seeds"), [(0.0, 2), *further((0.0, 3), (0.75, 3))])
def test_hundreds_of_rare_categories_are_met_twice_as_well_as_at_random_on_every_seed(share_random, seeds):
    features, n = moments(RARE, Share("cell"), Mean("income")), 600
    assert features.shape[1] > 300
    srs = np.median([share_differences(RARE, random(6000, n, seed=s)) for s in range(30)])
    for seed in range(seeds):
        found = choose_samples(features, n, seed=seed, keep=random_part(features, n, int(share_random * n), seed=seed))
        assert share_differences(RARE, found.indices) <= srs / 2 and found.largest <= srs / 2


def test_a_random_part_leaves_room_for_the_others():
    features, n, part = moments(RARE, Share("cell"), Mean("income")), 600, 450
    p = RARE.cell.value_counts(normalize=True)
    beyond = []
    for seed in range(5):
        drawn, plain = random_part(features, n, part, seed=seed), random(6000, part, seed=seed)
        assert len(np.unique(drawn)) == part and (drawn == random_part(features, n, part, seed=seed)).all()
        assert 0 < len(np.setdiff1d(plain, drawn)) < part / 5  # most rows are those of the plain draw
        for rows in (drawn, plain):
            count = RARE.cell.iloc[rows].value_counts().reindex(p.index, fill_value=0)
            beyond.append(((count - n * p) / np.sqrt(n * p * (1 - p))).max())  # in standard errors, above what all n should have
    largest = np.median(np.abs(np.random.default_rng(0).standard_normal((2000, features.shape[1]))).max(axis=1))
    assert max(beyond[::2]) < 1.01 * largest / 3 < min(beyond[1::2])  # 1 %: the simulation's own error


@pytest.mark.parametrize("seeds", [2, *further(8)])
def test_a_mean_that_a_few_extreme_rows_decide_is_met_twice_as_well_as_at_random_where_nearly_all_rows_are_drawn(seeds):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"wealth": rng.pareto(1.2, 50_000), "age": rng.integers(18, 90, 50_000), "status": rng.choice(4, 50_000, p=(0.5, 0.3, 0.15, 0.05))}
    )
    features, n = moments(frame, Mean("wealth"), Share("status"), Quantiles("age")), 2000
    srs = np.median([np.abs(features.differences(random(50_000, n, seed=s))).max() for s in range(40)])
    for seed in range(seeds):
        found = choose_samples(features, n, seed=seed, keep=random_part(features, n, 1900, seed=seed))
        assert found.largest <= srs / 2


def test_a_random_part_is_a_plain_draw_where_nothing_is_in_the_way():
    features = moments(FRAME, Mean("age"), Share("sex"))
    for part in (0, 1, 150, 200):
        assert (random_part(features, 200, part, seed=2) == np.sort(np.random.default_rng(2).choice(4000, part, replace=False))).all()
    alone = Standardised.create(np.r_[np.zeros(49), 1.0][:, None])  # every sample of 49 misses one row
    assert len(random_part(alone, 49, 48)) == 48
    with pytest.raises(ConfigError, match="from 0 to 200"):
        random_part(features, 200, 201)


# -- features ------------------------------------------------------------------------------------------------------------


def planted(seed=0, n=150, p=300, k=5, noise=0.5):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    truth = rng.choice(p, k, replace=False)
    return X, X[:, truth] @ rng.choice([-1.0, 1.0], k) + noise * rng.standard_normal(n), set(truth.tolist())


@pytest.mark.parametrize("task", ["regression", "classification"])
@pytest.mark.parametrize("seed", [0, *further(1, 2)])
def test_a_planted_support_is_found_by_gates_and_path(task, seed):
    X, y, truth = planted(seed, n=300)
    path = choose_features(X, y if task == "regression" else np.where(y > 0, "yes", "no"), 5, task=task, seed=seed)
    assert set(path.order.tolist()) == truth
    assert set(np.argsort(-path.history[-1].gates)[:5].tolist()) == truth
    assert path.history[-1].count == pytest.approx(5, rel=0.05)


def test_coefficients_are_in_the_units_of_the_data():
    X, y, _ = planted()
    X = X * 3 + 10
    path = choose_features(pd.DataFrame(X).add_prefix("c"), y, 8)
    for k in range(1, 9):
        chosen = path.chosen(k)
        assert len(set(chosen.features.tolist())) == k and chosen.names == tuple(f"c{j}" for j in chosen.features)
        design = np.column_stack([np.ones(150), X[:, chosen.features]])
        solution, squares, *_ = np.linalg.lstsq(design, y)
        np.testing.assert_allclose(np.r_[chosen.intercept, chosen.coefficients[:, 0]], solution, rtol=1e-3, atol=1e-3)
        assert chosen.loss == pytest.approx(squares[0] / 300, rel=1e-4)
        np.testing.assert_allclose(path.predict(X, k), design @ solution, atol=1e-2)


@pytest.mark.parametrize("task", ["regression", *further("classification")])
def test_sparse_and_dense_choose_alike(task):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((200, 40)) * (rng.random((200, 40)) < 0.3)
    y = X[:, 5] - 2 * X[:, 17] + X[:, 30] + 0.1 * rng.standard_normal(200)
    y = y if task == "regression" else y > 0
    dense, sparse = (choose_features(table, y, 6, task=task, epochs=60) for table in (X, sp.csr_array(X)))
    assert set(dense.chosen(3).features) == set(sparse.chosen(3).features) == {5, 17, 30}
    assert (dense.predict(X, 3) == pytest.approx(sparse.predict(sp.coo_array(X), 3), abs=1e-3)) if task == "regression" else True


def test_three_classes():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 20))
    y = np.array(["low", "mid", "high"])[np.digitize(X[:, 3] + X[:, 9], [-0.7, 0.7])]
    path = choose_features(X, y, 4, task="classification", epochs=60)
    assert set(path.order[:2].tolist()) == {3, 9}
    assert path.chosen(2).coefficients.shape == (2, 3)
    assert (path.predict(X, 2) == y).mean() > 0.9
    np.testing.assert_allclose(path.probabilities(X, 2).sum(1), 1)


def test_elimination_by_least_squares_is_exact_backward_elimination():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 7)) @ rng.standard_normal((7, 7))
    X -= X.mean(0)
    y = (X @ rng.standard_normal(7) + rng.standard_normal(40))[:, None]

    def squares(columns):
        return float(np.linalg.lstsq(np.column_stack([np.ones(40), X[:, columns]]), y)[1].sum())

    left = list(range(7))
    for found in eliminate(LeastSquares(ridge=1e-9), X, y, 7):
        assert sorted(found.columns) == left and found.loss == pytest.approx(squares(left) / 80)
        if len(left) > 1:
            left = min(([c for c in left if c != out] for out in left), key=squares)


def test_several_leave_as_they_would_one_by_one():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((60, 9)) @ rng.standard_normal((9, 9))
    y = rng.standard_normal((60, 1))
    W = np.linalg.solve(X.T @ X + np.eye(9), X.T @ y)
    left = list(range(9))
    for leave in range(1, 9):
        ridge = {o: ridge_loss(X[:, [c for c in left if c != o]], y) for o in left}
        left.remove(min(ridge, key=ridge.get))
        stay, took_over = least_missed(X, W, np.ones((60, 1)), 1.0, leave)
        assert stay.tolist() == left
        part = X[:, left]
        np.testing.assert_allclose(took_over, np.linalg.solve(part.T @ part + np.eye(len(left)), part.T @ y), atol=1e-8)


def ridge_loss(X, y):
    w = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ y)
    return float(((y - X @ w) ** 2).sum() + (w**2).sum())


@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_derivatives_and_bounds(classes):
    rng = np.random.default_rng(classes)
    model, y, k = Logistic(classes), rng.integers(0, classes, 12), 1 if classes == 2 else classes
    eta = 2 * rng.standard_normal((12, k))
    h = 1e-5
    for i, c in itertools.product(range(12), range(k)):
        e = np.zeros_like(eta)
        e[i, c] = h
        value, up, down = (12 * model.value(x, y) for x in (eta, eta + e, eta - e))
        assert model.derivative(eta, y)[i, c] == pytest.approx((up - down) / (2 * h), abs=1e-6)
        assert model.row_curvature(eta)[i, c] == pytest.approx((up - 2 * value + down) / h**2, abs=1e-3)
    assert (model.row_curvature(eta) <= model.curvature).all()
    p = model.probabilities(eta)
    assert -np.log(p[np.arange(12), y]).mean() == pytest.approx(model.value(eta, y))


@pytest.mark.parametrize(("model", "exact"), [(LeastSquares(), True), (Logistic(2), False)])
def test_the_expected_loss_is_met_or_bounded(model, exact):
    """Against Monte Carlo over the gates."""
    rng = np.random.default_rng(0)
    X, W, log_alpha = rng.standard_normal((30, 6)), rng.standard_normal((6, 1)), torch.tensor(rng.standard_normal(6))
    X = (X - X.mean(0)) / X.std(0)
    y = rng.integers(0, 2, 30) if not exact else rng.standard_normal((30, 1))
    dist, draws = HardConcreteDistribution(), 20_000
    z = dist.sample(log_alpha.expand(draws, 6), torch.tensor(rng.random((draws, 6)))).numpy()
    sampled = np.mean([model.value(X @ (W * g[:, None]), y) for g in z])
    m, v = dist.mean(log_alpha).numpy()[:, None], dist.variance(log_alpha).numpy()
    stated = model.value(X @ (W * m), y) + model.curvature / 2 * float((W[:, 0] ** 2 * v).sum())
    assert stated == pytest.approx(sampled, rel=0.02) if exact else sampled <= stated <= 1.5 * sampled


def test_logistic_coefficients_are_those_of_a_general_solver():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((80, 3)), rng.integers(0, 2, 80)
    W, b = Logistic(2).fit(X, y, np.zeros((3, 1)), np.zeros(1))
    sign = 2 * y - 1

    def penalised(t):
        return np.log1p(np.exp(-sign * (X @ t[1:] + t[0]))).sum() + (t[1:] ** 2).sum() / 2

    best = minimize(penalised, np.zeros(4), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 10_000}).x
    np.testing.assert_allclose(np.r_[b, W[:, 0]], best, atol=1e-3)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_all_features_one_feature_and_twins(task):
    X, y, _ = planted(n=60, p=6, k=3)
    X = np.column_stack([X, X[:, 0]])  # the same column twice
    y = y if task == "regression" else y > 0
    assert len(choose_features(X, y, 7, task=task, epochs=20).sets) == 7
    assert len(choose_features(X[:, :1], y, 1, task=task, epochs=20).sets) == 1
    assert len(choose_features(X, y, 1, task=task, epochs=1).order) == 1


def test_a_stopped_run_still_has_its_path_and_snapshots_are_repeatable():
    X, y, _ = planted()
    calls = iter([False] * 50 + [True] * 500)
    path = choose_features(X, y, 4, should_stop=lambda: next(calls))
    assert path.stopped and len(path.history) == 25 and len(path.sets) == 4
    run, seen = iterate_features(X, y, 4), []
    choose_features(X, y, 4, watch=seen.append)
    assert len(seen) == 100
    for mine, theirs in zip(run, seen, strict=True):
        assert (mine.gates == theirs.gates).all() and mine.loss == theirs.loss


GOOD = np.random.default_rng(0).standard_normal((20, 3))
TARGET = GOOD[:, 0] + 1


@pytest.mark.parametrize(
    ("X", "y", "options", "words"),
    [
        (GOOD, TARGET, {"max_features": 0}, "1 to 3"),
        (GOOD, TARGET, {"max_features": 4}, "1 to 3"),
        (GOOD, TARGET, {"epochs": 0}, "epochs"),
        (GOOD, TARGET, {"task": "clustering"}, "'clustering'"),
        (GOOD, TARGET[:5], {}, "20 rows"),
        (GOOD, TARGET * np.nan, {}, "target has missing"),
        (GOOD, TARGET * 0, {}, "the same in every row"),
        (GOOD, np.full(20, "a"), {}, "'target' is not numeric"),
        (GOOD, np.full(20, "a"), {"task": "classification"}, "classes is 1:"),
        (GOOD, TARGET, {"task": "classification"}, "classes is 20:"),
        (GOOD[:0], TARGET[:0], {}, "empty"),
        (GOOD[:, 0], TARGET, {}, "1 axes"),
        (pd.DataFrame(GOOD).assign(sex="f"), TARGET, {}, "'sex' is not numeric"),
        (pd.DataFrame(GOOD).assign(one=1), TARGET, {}, "'one' is the same"),
        (pd.DataFrame(GOOD).assign(gap=[np.nan, *range(19)]), TARGET, {}, "'gap' has missing"),
        (sp.csc_array(np.column_stack([GOOD, np.zeros(20)])), TARGET, {}, "'column 3' is the same"),
    ],
)
def test_bad_features_are_named(X, y, options, words):
    with pytest.raises(L0Error, match=words):
        choose_features(X, y, **{"max_features": 2, **options})


def test_predictions_are_asked_of_the_same_columns():
    path = choose_features(GOOD, TARGET, 2, epochs=20)
    with pytest.raises(ProblemError, match="3 columns"):
        path.predict(GOOD[:, :2], 1)
    with pytest.raises(ConfigError, match="1 to 2"):
        path.predict(GOOD, 3)
    with pytest.raises(ConfigError, match="no classes"):
        path.probabilities(GOOD, 1)


def test_many_more_features_than_rows():
    """Together, steps on thousands of open gates must not overshoot."""
    rng = np.random.default_rng(2)
    X = sp.random_array((800, 12_000), density=0.05, rng=rng, format="csr")
    truth = rng.choice(12_000, 5, replace=False)
    y = X[:, truth] @ np.array([3.0, -3, 3, -3, 3]) + 0.1 * rng.standard_normal(800)
    assert set(choose_features(X, y, 5).order.tolist()) == set(truth.tolist())
