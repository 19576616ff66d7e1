"""What Frontier, Calibrate and Results say of an answer: what limits it, what is proven, what a cap costs; runs of before there was that."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from dashboard import state
from dashboard.frontier.figures.frontier import PROVEN
from l0engine.calibration.config import Config
from l0engine.calibration.frontier.point import FrontierPoint
from l0engine.calibration.metrics import measure
from l0engine.calibration.problem.preflight import held_out_targets, targets_in_use
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.results import Certificate, Result, Status
from l0engine.io import write_run
from l0engine.jobs.records import Plan

N = 300
USEFUL, USELESS = Certificate(60, 1.0, 1.003, 1.0), Certificate(60, 1.0, 1.0, 0.0)


@pytest.fixture
def problem():
    """Everyone, two halves that say otherwise, and a target below its floor; names that Markdown would take for itself."""
    rng = np.random.default_rng(0)
    half = np.arange(N) < N / 2
    rare = np.where(np.arange(N) == 0, 50.0, np.where(np.arange(N) < 5, 0.1, 0.0))
    matrix = np.array([np.ones(N), half, ~half, rng.uniform(0, 2, N), rare])
    names = ["all", "left *half*", "[right](half)", "sum", "rare_one"]
    groups = ["all", "half", "half", "sum", "rare"]
    return Problem.create(
        matrix, [300.0, 150, 150, matrix[3].sum(), 10.0], names=names, groups=groups, base_weights=np.ones(N),
        household_ids=[f"h{i}" for i in range(N)], attributes=pd.DataFrame({"state": ["MA"] * N}),
    )  # fmt: skip


@pytest.fixture
def keep(visit, problem):
    """Put a finished run into the store, with points of a frontier where there are any; its id."""

    def put(config, weights, points=(), certificate=None, files=True):
        store = state.store()
        sha = store.add_problem(problem, "Small").sha
        plan = Plan(tuple(sorted({p.budget for p in points}, reverse=True))) if points else None
        run = store.create_run(sha, config, plan).id
        use = targets_in_use(problem, config)
        result = Result(
            Status.CONVERGED, "", config, weights, weights, None, measure(problem, weights, use), (), "cpu", 1.0, 0.1, None, certificate
        )
        store.begin(run, 1)
        if files:
            write_run(store.folder(run), problem, result, use)
        store.save_result(run, result)
        for p in points:
            store.save_point(run, p)
        store.set_status(run, Status.CONVERGED, "")
        return run

    return put


def some(k, scale=1.0):
    """k households, half of them from each half, that stand for all."""
    weights = np.zeros(N)
    weights[np.r_[: k // 2, N // 2 : N // 2 + k - k // 2]] = scale * N / k
    return weights


def point(problem, k, method="l0engine", scale=1.0, certificate=None, config=None):
    w = some(k, scale)
    rows, config = np.flatnonzero(w), config or Config()
    held = held_out_targets(problem, config)
    out = measure(problem, w, held) if held.any() else None
    return FrontierPoint(method, k, rows, w[rows], w[rows], measure(problem, w, targets_in_use(problem, config)), out, 0.1, "", certificate)


def bullets(page):
    return "\n".join(text for text in page.said("markdown") if text.startswith("- "))


GOOD = Config(exclude=("below_floor",))


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        (USEFUL, "No 60 households can do better than the proven bound, error and unevenness together; this is 0.3 % above it."),
        (USELESS, "The bound says nothing at this size."),
        (None, ""),
    ],
    ids=["useful", "useless", "absent"],
)
def test_a_certificate_is_said_in_words_on_every_page(visit, keep, problem, certificate, said):
    run = keep(GOOD, some(60), [point(problem, k, certificate=certificate if k == 60 else None) for k in (100, 60, 4)], certificate)
    for page in (visit("frontier", run=run, point="l0engine-60"), visit("results", run=run), visit("calibrate", run=run)):
        assert (said in bullets(page)) if said else ("bound" not in bullets(page)), page.title
    drawn = visit("frontier", run=run, point="l0engine-60").chart(f"frontier_{run}")
    assert (PROVEN in drawn) == (certificate is USEFUL)
    assert "bound" not in bullets(visit("results", run=run, point="l0engine-4"))
    assert (said in bullets(visit("results", run=run, point="l0engine-60"))) if said else True


def one_heavy():
    weights = some(200)
    weights[7] = 400.0
    return weights


@pytest.mark.parametrize(
    ("config", "weights", "said"),
    [
        (Config(max_ratio=3), some(100), "100 of 100 households stand at the weight allowed (3 times the base weight)"),
        (Config(), some(4), "4 households are fewer than the 5 targets, so not all can be met: keep more"),
        (GOOD, some(200, 1.5), "4 targets are missed by more than 1 % although there are more households than targets"),
        (GOOD, one_heavy(), "One household stands for 400, 400 times its base weight: cap the ratio."),
        (
            GOOD,
            one_heavy(),
            "'left \\*half\\*' hangs on one household for 73 %, although 150 count in it; 3 targets hang on one for more than 20 %",
        ),
        (Config(), some(200), "1 target is smaller than what one household adds, and missed by more than 10 %: 'rare\\_one' (656 %)"),
    ],
    ids=["cap", "few", "contradiction", "concentration", "carried", "floor"],
)
def test_every_limit_stands_under_the_verdict(visit, keep, config, weights, said):
    run = keep(config, weights)
    for page in (visit("results", run=run), visit("calibrate", run=run)):
        assert said in bullets(page), bullets(page)
        assert any(text.startswith("Price of a household: 0.1 of the loss of keeping none") for text in page.said("caption"))
        verdict = next(text for text in page.said("markdown") if text.startswith("### Kept"))
        assert len(verdict) < 220  # two lines on a wide screen


def test_targets_say_which_limits_concern_them(visit, keep, problem):
    page = visit("results", run=keep(Config(), some(4))).choose("Look at", "Table")
    table = page.at.tabs[0].dataframe[0].value
    assert table.set_index("target").loc["rare_one", "limits"] == "few; floor"


def test_a_good_answer_is_limited_by_nothing(visit, keep):
    assert bullets(visit("results", run=keep(GOOD, np.ones(N)))) == ""


def test_another_cap_is_drawn_and_its_price_said(visit, keep, problem):
    sizes = (100, 60, 4)
    capped = Config(max_ratio=10, exclude=("below_floor",))
    mine = keep(GOOD, some(60), [point(problem, k) for k in sizes])
    keep(capped, some(60), [point(problem, k, scale=1.1) for k in sizes])
    newest = keep(capped, some(60), [point(problem, k, scale=1.2) for k in sizes])
    keep(Config(max_ratio=5), some(60), [point(problem, k) for k in sizes])  # of other targets: nothing to compare
    page = visit("frontier", run=mine, point="l0engine-60")
    drawn = json.loads(page.chart(f"frontier_{mine}"))
    lines = {t["name"]: t for t in drawn["data"] if t.get("yaxis", "y") == "y"}
    assert "l0engine, no cap" in lines and lines["l0engine, weights ≤ 10 × base"]["line"]["dash"] == "dash"
    assert not any("5 ×" in name for name in lines)
    assert "With weights ≤ 10 × base, 60 households have a median error of 20 %" in bullets(page)  # the newest of that cap
    again = visit("frontier", run=newest, point="l0engine-60")
    assert "With no cap, 60 households have" in bullets(again)


def test_held_out_errors_are_compared_with_those_of_other_methods(visit, keep, problem):
    config = Config(hold_out=("half",), exclude=("below_floor",))
    own, others = (
        point(problem, 60, config=config, scale=1.1),
        [point(problem, 60, m, 1 + e, config=config) for m, e in (("random", 0.3), ("pps", 0.05))],
    )
    run = keep(config, some(60), [own, *others])
    said = bullets(visit("frontier", run=run))
    assert (
        "On the targets held out, 60 households of this fit have a median error of 10 %: no better than Proportional to weight (5 %)."
        in said
    )


def test_the_point_shown_first_is_the_bend(visit, keep, problem):
    scale = {200: 1.001, 100: 1.0012, 50: 1.0015, 20: 1.3, 10: 1.9}
    run = keep(GOOD, some(60), [point(problem, k, scale=s) for k, s in scale.items()])
    page = visit("frontier", run=run)
    assert page.said("subheader") == ["At 50 households"]
    assert "Chosen: 50 households, median error 0.15 %" in page.chart(f"frontier_{run}")


def test_a_run_of_before_shows_what_it_can(visit, keep, problem):
    """Absolute prices, no certificate, no largest error, no sentence on the price: as such runs are stored."""
    config = Config(lambda_l0=1e-3, lambda_l2=1e-12, jitter=0.0, mu=1e-5, exclude=("below_floor",))
    run = keep(config, some(60), [point(problem, k) for k in (100, 60, 4)], files=False)
    store = state.store()
    with store._database.write() as db:
        for table, key, column in (("points", "key", "body"), ("jobs", "id", "result")):
            for row in db.execute(f"SELECT {key} AS k, {column} AS body FROM {table} WHERE {column} IS NOT NULL").fetchall():
                old = json.loads(row["body"])
                old.pop("certificate")
                for name in ("measures", "gated", "refitted", "held_out"):
                    if old.get(name):
                        old[name].pop("max_abs_rel_error")
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (json.dumps(old), row["k"]))
    results, frontier = visit("results", run=run), visit("frontier", run=run, point="l0engine-60")
    assert "bound" not in bullets(results) + bullets(frontier)
    assert not any(text.startswith("Price of a household") for text in results.said("caption"))
    assert any("λ 0.001" in text or "λ 1e-3" in text for text in results.said("markdown"))
    assert "λ L0 0.001;" in frontier.chart(f"frontier_{run}").encode().decode("unicode_escape").replace("<br>", " ")
    assert "–" in str(visit("calibrate", run=run).at.dataframe[0].value)
