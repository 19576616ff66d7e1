"""Why refit, why evenness: the same totals met by few households badly, and by more of them well."""

from __future__ import annotations

from dashboard import state
from dashboard.kit import wording
from dashboard.kit.theme import Palette
from dashboard.learn.figures import weights
from dashboard.learn.page import Lesson, Prediction, Scene, Shown
from dashboard.state.lessons import Asked
from l0engine.lessons.shown.evenness import SOFT, EvennessAsk, EvennessPicture

_FORMULA = r"""
**Effective sample size** (Kish 1965): $\;n_\text{eff}=\bigl(\sum_j w_j\bigr)^2\big/\sum_j w_j^2$. Equal weights give the number of
households, one giant among dwarfs gives 1.

**Refit** (relaxed raking) on the households kept, from their gated weights $g$:
$$\min_{w\ge0}\;\sum_j\Bigl[w_j\log\frac{w_j}{g_j}-w_j+g_j\Bigr]+\frac{1}{2\tau}\sum_i\Bigl(\frac{\sum_jM_{ij}w_j-y_i}{y_i}\Bigr)^2,\qquad\tau\propto\mu$$

**The corner**: $\min\sum_i|\,\text{error}_i|$ over $w\ge0$ is a linear programme, and a corner of it needs no more households than there
are totals.

Sources: Deville and Särndal (1992), *Calibration estimators in survey sampling*; Kish (1965), *Survey sampling*, section 11.7.
"""


def _show(asked: Asked, picture: EvennessPicture, colours: Palette) -> Shown:
    alt = "Weights of all households, errors of all totals, and effective sample size as area, for four sets of weights"
    scene = Scene(weights.film(weights.info(picture), colours), alt, "evenness_weights")
    return Shown(scene, _sentences(asked.ask, picture), table=table(picture))


def table(picture: EvennessPicture) -> list[dict[str, str]]:
    """A row a set of weights."""
    return [
        {
            "Weights": title,
            "Households": wording.count(int(picture.kept[i])),
            "Median error": wording.percent(picture.medians[i]),
            "Largest error": wording.percent(picture.worst[i]),
            "Effective sample size": wording.weight(round(float(picture.ess[i]), 1)),
            "Largest weight / base weight": wording.ratio(picture.largest[i]),
        }
        for i, title in enumerate(weights.TITLES)
    ]


def _answer(ask: EvennessAsk, picture: EvennessPicture) -> tuple[int, str]:
    share = picture.ess[3] / picture.ess[2] if picture.ess[2] else 1.0
    right = 0 if share < 0.5 else 1 if share < 0.9 else 2
    return right, (
        f"The corner is worth {wording.weight(round(float(picture.ess[3]), 1))} equally weighted households, the refitted weights "
        f"{wording.weight(round(float(picture.ess[2]), 1))}."
    )


def _sentences(ask: EvennessAsk, picture: EvennessPicture) -> tuple[str, ...]:
    kept, ess, median = picture.kept, picture.ess, picture.medians
    return (
        f"Gates are made to choose, not to weigh: with them the median error is {wording.percent(median[1])}, and refitting the "
        f"{wording.count(int(kept[2]))} households kept brings it to {wording.percent(median[2])}.",
        f"A linear programme hits the totals with {wording.count(int(kept[3]))} households, yet one of them stands for "
        f"{wording.ratio(picture.largest[3])} its base weight, and whatever is not among the totals hangs on it: few households and no "
        "error prove nothing.",
        f"So look at the effective sample size too: {wording.weight(round(float(ess[2]), 1))} of {wording.count(int(kept[2]))} refitted, "
        f"{wording.weight(round(float(ess[3]), 1))} at the corner; more softness μ in the refit buys evenness with error.",
    )


def _onward(ask: EvennessAsk, picture: EvennessPicture) -> str:
    state.set_draft({**state.draft(), "price_l0": ask.price, "mu": None if ask.soft == SOFT[0] else float(ask.soft)})
    return "app_pages/calibrate.py"


LESSON = Lesson(
    "learn_evenness",
    "Why refit, why evenness",
    "Twelve totals, all met exactly: what can be wrong with the weights?",
    Prediction(
        "A linear programme meets all totals with the fewest households. How large is its effective sample size beside that of the refit?",
        ("Less than half", "Somewhat less", "As large"), _answer,
    ),
    _show,
    _FORMULA,
    _onward,
    "Opens Calibrate with this price of a household and this softness.",
)  # fmt: skip
