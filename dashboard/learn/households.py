"""Choosing households: gates close, weights grow, totals meet their lines."""

from __future__ import annotations

from dataclasses import replace

from dashboard import state
from dashboard.kit import wording
from dashboard.kit.theme import Palette
from dashboard.learn.figures import surface, survey
from dashboard.learn.page import Lesson, Prediction, Scene, Shown
from dashboard.state import lessons
from dashboard.state.lessons import Asked
from l0engine.lessons.shown.households import PRICES, HouseholdsAsk, HouseholdsPicture

_FORMULA = r"""
Weights $w$ and gates $z$ of all households are learnt together:
$$\min_{w,\;\log\alpha}\;\;\mathbb{E}\sum_i\Bigl(\frac{\sum_j M_{ij}w_jz_j-y_i}{y_i}\Bigr)^2+\lambda_0\sum_j P(z_j>0)$$
$M_{ij}$ is what household $j$ adds to total $i$, $y_i$ the published total. The expectation over gates is exact: it needs only their mean
and variance. What stays is refitted without gates. L1 puts $\sum w_j$ in place of the second sum, L2 $\sum w_j^2$.

Source: Louizos, Welling and Kingma (2018), equation 9; for survey weights, PolicyEngine's *L0* (l0-python).
"""


def _show(asked: Asked, picture: HouseholdsPicture, colours: Palette) -> Shown:
    return Shown(_scene(picture, colours), _sentences(asked.ask, picture))


def _scene(picture: HouseholdsPicture, colours: Palette) -> Scene:
    if picture.survey is not None:
        alt = "Sixty households as dots whose area is their weight, and three totals as bars that meet a line at 100 %"
        return Scene(survey.film(survey.info(picture.survey), colours), alt, "households_survey")
    assert picture.two is not None
    alt = "The loss over the weights of two households, the path of the fit, and where penalties end"
    return Scene(surface.film(surface.info(picture.two), colours), alt, "households_surface")


def _kept(picture: HouseholdsPicture) -> int:
    if picture.survey is not None:
        return int(picture.survey.kept[-1])
    return 0 if picture.two is None else int((picture.two.path[-1] > 0).sum())


def _answer(ask: HouseholdsAsk, picture: HouseholdsPicture) -> tuple[int, str]:
    double = PRICES[min(PRICES.index(ask.price) + 1, len(PRICES) - 1)]
    before, after = _kept(picture), _kept(lessons.picture(replace(ask, price=double)))
    right = 0 if after >= 0.9 * before else 1 if after > 0.55 * before else 2
    if double == ask.price:
        return right, "The price is at its highest here: lower it and ask again."
    stays = f"{wording.plural(before, 'household')} {'stays' if before == 1 else 'stay'}"
    return right, f"At λ = {ask.price:g} {stays}, at {double:g} {wording.count(after)}."


def _sentences(ask: HouseholdsAsk, picture: HouseholdsPicture) -> tuple[str, ...]:
    if picture.survey is not None:
        s = picture.survey
        return (
            "Every household has a gate and a weight; an open gate costs its price, so that a household stays only if it lowers the error "
            f"by more, and {wording.count(int(s.kept[-1]))} of {s.gates.shape[1]} stay.",
            f"The weights of those that stay grow from {wording.weight(s.base)} to {wording.weight(float(s.weights[-1].max()))} at most, "
            "for they stand for those that went.",
            f"The gates leave a median error of {wording.percent(s.errors[-2])}, and the refit, which knows no gates and no price, "
            f"{wording.percent(s.errors[-1])}.",
        )
    assert picture.two is not None
    ends = {end.name: end for end in picture.two.ends}
    return (
        "Two households and two totals: somewhere the loss is exactly 0, and each penalty pulls away from there in its own way.",
        f"L2 draws both weights towards 0 and drops none; L1 cuts the same piece off both, and "
        f"{'drops the second' if ends['L1'].second == 0 else 'keeps both'} at this price, with a loss of "
        f"{wording.weight(round(ends['L1'].loss, 4))}.",
        f"L0 asks only how many: {_words(ends['L0'].first, ends['L0'].second)}, and what stays is not shrunk, with a loss of "
        f"{wording.weight(round(ends['L0'].loss, 4))}; the gates walk there step by step, and may end in another corner.",
    )


def _words(first: float, second: float) -> str:
    n = (first > 0) + (second > 0)
    return ("it keeps none", "it keeps one", "it keeps both")[n]


def _onward(ask: HouseholdsAsk, picture: HouseholdsPicture) -> str:
    state.set_draft({**state.draft(), "price_l0": ask.price})
    return "app_pages/calibrate.py"


LESSON = Lesson(
    "learn_households",
    "Choosing households",
    "How few households can stand for all, and who decides?",
    Prediction(
        "The price of a household doubles. How many of those that stay now are left?",
        ("Nearly all", "More than half", "Half or fewer"),
        _answer,
    ),
    _show,
    _FORMULA,
    _onward,
    "Opens Calibrate with this price of a household.",
)
