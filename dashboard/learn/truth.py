"""L0 against L1 against L2: what each finds of a truth that is known."""

from __future__ import annotations

from dashboard import state
from dashboard.kit import wording
from dashboard.kit.theme import Palette
from dashboard.learn.figures import paths
from dashboard.learn.page import Lesson, Prediction, Scene, Shown
from dashboard.state.lessons import Asked
from l0engine.lessons.shown.truth import METHODS, TruthAsk, TruthPicture

_FORMULA = r"""
All three make $\tfrac1n\lVert y-X\beta\rVert^2$ small, and pay for coefficients in their own way:
$$\text{L0}:\;\lambda\,\#\{j:\beta_j\neq0\}\qquad\text{L1}:\;\lambda\sum_j|\beta_j|\qquad\text{L2}:\;\lambda\sum_j\beta_j^2$$
Precision is the share of the features found that are true, recall the share of the true ones that are found. Unexplained is the mean
squared error on 1,000 further rows, as a share of their variance; *at its best* is the penalty where that is least.

Sources: Tibshirani (1996) for L1; Hoerl and Kennard (1970) for L2; Hazimeh and Mazumder (2020), *L0Learn*, for the search that ends the
L0 fit here.
"""


def _show(asked: Asked, picture: TruthPicture, colours: Palette) -> Shown:
    alt = "Coefficients of L0, L1 and L2 as bars while their penalties fall, and the true ones as strokes"
    scene = Scene(paths.film(paths.info(picture), colours), alt, "truth_paths", start=0.5)
    return Shown(scene, _sentences(asked.ask, picture), table=table(picture))


def table(picture: TruthPicture) -> list[dict[str, str]]:
    """A row a method, at the penalty where it predicts best."""
    rows = []
    for m, name in enumerate(METHODS):
        i = picture.best[m]
        found = picture.coefficients[m, i] != 0
        rows.append(
            {
                "At its best": name,
                "Found": wording.of(int(found.sum()), len(found)),
                "Precision": wording.percent(float(picture.precision[m, i])),
                "Recall": wording.percent(float(picture.recall[m, i])),
                "Size of the true ones found": wording.percent(float(picture.shrinkage[m, i])),
                "Unexplained on new rows": wording.percent(float(picture.errors[m, i])),
            }
        )
    return rows


def _at_best(picture: TruthPicture, m: int) -> tuple[int, float]:
    i = int(picture.best[m])
    return int((picture.coefficients[m, i] != 0).sum()), float(picture.shrinkage[m, i])


def _answer(ask: TruthAsk, picture: TruthPicture) -> tuple[int, str]:
    counts = [_at_best(picture, m)[0] for m in range(2)]
    right = 0 if counts[0] < counts[1] else 1 if counts[1] < counts[0] else 2
    return right, f"At its best L0 has {counts[0]} coefficients, L1 {counts[1]}; {int((picture.truth != 0).sum())} are true."


def _sentences(ask: TruthAsk, picture: TruthPicture) -> tuple[str, ...]:
    best = [float(picture.errors[m, picture.best[m]]) for m in range(3)]
    winner = METHODS[best.index(min(best))]
    sizes = [wording.percent(_at_best(picture, m)[1]) for m in range(2)]
    return (
        f"{int((picture.truth != 0).sum())} of {len(picture.truth)} features make y, and each method gets {ask.rows} noisy rows to find "
        "them.",
        f"L1 pays for size, so it shrinks what it finds: the true ones found are {sizes[1]} of their size at its best, against {sizes[0]} "
        "for L0; L2 shrinks all of them and leaves out none.",
        f"On new rows {winner} predicts best here; L0 wins where the truth is sparse and can be seen, and with much noise, few rows or "
        "features that resemble each other, shrinking is the better bet.",
    )


def _onward(ask: TruthAsk, picture: TruthPicture) -> str:
    state.hold("feature_source_chosen", "planted")
    rows, snr = max(20, ask.rows), min(100.0, max(0.1, round(picture.snr, 1)))
    settings = {
        "rows": rows,
        "features": len(picture.truth),
        "true": int((picture.truth != 0).sum()),
        "snr": snr,
        "correlation": ask.correlation,
    }
    for name, value in settings.items():
        state.hold(f"feature_{name}", value)
    return "app_pages/features.py"


LESSON = Lesson(
    "learn_truth",
    "L0, L1 and L2",
    "Three ways to keep a model small: which finds the truth?",
    Prediction("Each is stopped where it predicts best. Which needs fewer features?", ("L0", "L1", "The same number"), _answer),
    _show,
    _FORMULA,
    _onward,
    "Opens Feature gates with a planted truth of this size, noise and correlation.",
)
