"""SampleStudy: what it says of its sample against the table itself, how many rows come from where, and what it refuses."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from further import further

from l0engine.draining import drain
from l0engine.errors import L0Error
from l0engine.io import csv_bytes
from l0engine.io.whole import read_arrays
from l0engine.jobs.task import Context, task_of
from l0engine.selection.selected import SampleSnapshot
from l0engine.studies.samples import settings
from l0engine.studies.samples.result import SampleResult, chosen_rows
from l0engine.studies.samples.run import run as carry_out
from l0engine.studies.samples.settings import SampleStudy

N = 3000
OLD = Path(__file__).parents[1] / "data" / "store_2" / "studies"


def people(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "person": [f"p{i}" for i in range(N)],
            "age": rng.integers(0, 95, N),
            "income": rng.lognormal(10, 1, N),
            "sex": rng.choice(["f", "m"], N),
            "region": rng.choice(list("abcd"), N, p=[0.4, 0.3, 0.2, 0.1]),
            "owner": rng.random(N) < 0.6,
        }
    )


PEOPLE = people()
ASKED = {"means": ("income", "owner"), "shares": ("region",), "joints": (("sex", "region"),), "quantiles": ("age",)}


def study(n=150, **more):
    return SampleStudy(n, **{**ASKED, **more})


@pytest.fixture
def folder(tmp_path):
    PEOPLE.to_parquet(tmp_path / "table.parquet", index=False)
    return tmp_path


def run(one, folder, should_stop=lambda: False):
    seen = []
    result = drain(carry_out(Context(one, folder, should_stop)), seen.append).result
    arrays = read_arrays(folder / "selected.npz")
    return result, seen, arrays["indices"], arrays["types"]


def by_hand():
    """The columns whose means the figures are, by pandas alone."""
    out = {"mean of income": PEOPLE.income, "mean of owner": PEOPLE.owner}
    out |= {f"region = {r}": PEOPLE.region == r for r in "abcd"}
    out |= {f"sex = {s}, region = {r}": (PEOPLE.sex == s) & (PEOPLE.region == r) for s in "fm" for r in "abcd"}
    for tenth in range(1, 10):
        cut = np.sort(PEOPLE.age)[math.ceil(tenth / 10 * N) - 1]
        out[f"age up to {cut}"] = cut >= PEOPLE.age
    return pd.DataFrame(out).astype(float)


@pytest.mark.parametrize("method", settings.METHODS)
def test_figures_and_differences_are_those_of_the_table(folder, method):
    result, _, indices, types = run(study(method=method, strata="region"), folder)
    columns = by_hand()
    assert result.names == tuple(columns) and result.rows == N
    assert len(np.unique(indices)) == len(types) == 150 and (np.diff(indices) > 0).all()
    np.testing.assert_allclose(result.full, columns.mean(), rtol=1e-12)
    np.testing.assert_allclose(result.values[method], columns.iloc[indices].mean(), rtol=1e-5)
    differences = (columns.iloc[indices].mean() - columns.mean()) / columns.std(ddof=0)
    np.testing.assert_allclose(result.differences[method], differences, atol=1e-5)
    assert result.largest[method] == pytest.approx(differences.abs().max(), abs=1e-5)
    assert list(result.largest) == [method, *(m for m in ("random", "stratified") if m != method)]
    assert SampleResult.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False))) == result


def test_the_cube_method_is_compared_where_asked(folder):
    result, *_ = run(study(cube=True, strata="region", epochs=5), folder)
    assert list(result.largest) == ["l0", "random", "stratified", "cube"]
    assert result.largest["cube"] < result.largest["random"]
    again, *_ = run(study(method="cube", seed=1), folder)
    assert again.differences["cube"] == result.differences["cube"]  # the one compared is the next seed's


def test_a_stopped_cube_is_not_told_of_but_where_it_was_chosen(folder):
    assert "cube" not in run(study(cube=True), folder, lambda: True)[0].largest
    result, _, indices, types = run(study(method="cube"), folder, lambda: True)
    assert len(indices) == 150 and set(types) == {"cube"} and result.types == {"cube": 150}


def test_groups_name_what_was_asked(folder):
    result, *_ = run(study(), folder)
    counts = pd.Series(result.groups).value_counts(sort=False)
    assert counts.to_dict() == {"means": 2, "shares of region": 4, "sex × region": 8, "quantiles of age": 9}
    twice, *_ = run(study(joints=(("sex", "region"), ("sex", "region"))), folder)
    assert twice.names == result.names and twice.groups == result.groups


def test_gates_come_five_times_nearer_than_random(folder):
    for seed in range(3):
        largest = run(study(seed=seed), folder)[0].largest
        assert largest["l0"] <= largest["random"] / 5


def test_the_random_sample_told_of_is_the_middle_one_of_nine(folder):
    result, *_ = run(study(strata="region"), folder)
    columns = by_hand()
    rows = (np.random.default_rng(1 + i).choice(N, 150, replace=False) for i in range(9))
    largest = [((columns.iloc[r].mean() - columns.mean()) / columns.std(ddof=0)).abs().max() for r in rows]
    assert result.largest["random"] == pytest.approx(np.median(largest), abs=1e-5)
    regions = np.array(result.values["stratified"])[[n.startswith("region = ") for n in result.names]]
    np.testing.assert_allclose(regions, PEOPLE.region.value_counts(normalize=True).sort_index(), atol=1 / 150)  # to a row


@pytest.mark.parametrize(("fraction", "by_gates"), [(0.0, 0), (0.25, 37), (1.0, 150), *further((0.3, 45), (0.99, 148))])
def test_a_hybrid_sample_has_its_parts(folder, fraction, by_gates):
    one = study(method="hybrid", l0_fraction=fraction, seed=4)
    result, _, indices, types = run(one, folder)
    assert one.n_random == 150 - by_gates == (types == "random").sum() and set(types) <= {"l0", "random"}
    assert result.types == {t: n for t, n in (("l0", by_gates), ("random", 150 - by_gates)) if n}
    if by_gates < 150:
        drawn = np.random.default_rng(4).choice(N, 150 - by_gates, replace=False)
        assert set(indices[types == "random"]) == set(drawn)
    if by_gates > 0:
        assert result.largest["hybrid"] < result.largest["random"]


def test_the_seed_decides_and_the_spec_says_it_all(folder):
    first, again, other = study(seed=3, method="hybrid"), study(seed=3, method="hybrid"), study(seed=5, method="hybrid")
    assert task_of("samples", json.loads(json.dumps(first.to_dict()))) == first
    one, two, three = (run(s, folder) for s in (first, again, other))
    assert (one[2] == two[2]).all() and (one[3] == two[3]).all() and one[0].largest == two[0].largest
    assert len(set(one[2]) & set(three[2])) < 75


def test_snapshots_are_json_and_add_up(folder):
    _, seen, *_ = run(study(), folder)
    assert [s.step for s in seen] == list(range(1, 61)) and {s.epochs for s in seen} == {60}
    assert all(s.gate_zero + s.gate_one + sum(s.gate_counts) == N for s in seen)
    assert all(SampleSnapshot.from_dict(json.loads(json.dumps(s.to_dict(), allow_nan=False))) == s for s in seen)
    assert run(study(method="random"), folder)[1] == []


def test_what_an_earlier_version_wrote_is_read_to_the_last_digit():
    folders = [file.parent for file in OLD.glob("*/study.json") if json.loads(file.read_text())["kind"] == "samples"]
    for folder in folders:
        asked, outcome = (json.loads((folder / f"{name}.json").read_text()) for name in ("study", "outcome"))
        kept = [asked["settings"], *([outcome["result"]] if "result" in outcome else [])]
        lines = (folder / "snapshots.jsonl").read_text().splitlines()
        read = [kind.from_dict(values) for kind, values in zip((SampleStudy, SampleResult), kept, strict=False)]
        read += [SampleSnapshot.from_dict(json.loads(line)) for line in lines]
        assert [json.dumps(r.to_dict()) for r in read] == [*map(json.dumps, kept), *lines]
    assert len(folders) == 2


def test_a_stop_leaves_a_sample_of_the_size(folder):
    calls = iter([False] * 5 + [True] * 100)
    result, seen, indices, _ = run(study(), folder, lambda: next(calls))
    assert len(seen) == 5 and len(indices) == 150 and result.largest["l0"] < result.largest["random"]


def test_the_chosen_rows_are_those_of_the_table(folder):
    frame = PEOPLE.assign(selection="taken", gap=pd.array([None, *range(1, N)], dtype="Int64"))
    frame.to_parquet(folder / "table.parquet", index=False)
    _, _, indices, types = run(study(method="hybrid"), folder)
    rows = chosen_rows(folder)
    assert list(rows.columns) == [*frame.columns, "selection_"] and (rows["selection_"] == types).all()
    read = pd.read_csv(io.BytesIO(csv_bytes(rows.drop(columns="selection_"))), dtype={"gap": "Int64"})
    pd.testing.assert_frame_equal(read, frame.iloc[indices].reset_index(drop=True), check_dtype=False)


@pytest.mark.parametrize("n", [1, N - 1, N])
@pytest.mark.parametrize("method", ["l0", "hybrid", "cube"])
def test_edge_sizes(folder, n, method):
    result, _, indices, _ = run(study(n, method=method, epochs=5), folder)
    assert len(indices) == n
    if n == N:
        assert result.largest[method] < 1e-5 and result.largest["random"] < 1e-5


BAD = PEOPLE.assign(
    constant=1.0,
    hole=np.where(np.arange(N) == 7, np.nan, 1.0 * np.arange(N)),
    infinite=np.where(np.arange(N) == 7, np.inf, 1.0 * np.arange(N)),
)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (study(N + 1), "sample of 3,001 from 3,000 rows"),
        (study(0), "sample of 0 from 3,000 rows"),
        (SampleStudy(5), "Nothing is asked"),
        (study(means=("constant",)), "'constant' is the same in every row"),
        (study(means=("hole",)), "'hole' has 1 missing"),
        (study(shares=("hole",)), "'hole' has 1 missing"),
        (study(quantiles=("infinite",)), "'infinite' has infinite"),
        (study(means=("region",)), "'region' is not numeric"),
        (study(shares=("person",)), "'person' has 3,000 different values"),
        (study(joints=(("sex", "nowhere"),)), "not exactly one column 'nowhere'"),
        (study(method="magic"), "method 'magic'"),
        (study(method="stratified"), "needs a column"),
        (study(strata="nowhere"), "'nowhere'"),
        (study(method="hybrid", l0_fraction=1.5), "1.5"),
        (study(method="hybrid", l0_fraction=math.nan), "nan"),
        (study(epochs=-1), "-1"),
    ],
)
def test_bad_input_is_told_in_one_sentence(folder, one, words):
    BAD.to_parquet(folder / "table.parquet", index=False)
    with pytest.raises(L0Error, match=words) as caught:
        run(one, folder)
    assert str(caught.value).endswith(".") and str(caught.value).count(". ") == 0


def test_too_many_figures_are_refused_before_the_work(folder, monkeypatch):
    monkeypatch.setattr(settings, "MOST_FIGURES", 22)
    with pytest.raises(L0Error, match="23 figures are asked for and 22 are possible"):
        run(study(), folder)
