"""A gate: what is learnt of it, how it falls, and what is read at test time."""

from __future__ import annotations

from dashboard import state
from dashboard.kit import wording
from dashboard.kit.browser.panel import Figure
from dashboard.kit.theme import Palette
from dashboard.learn.figures import gate as figure
from dashboard.learn.page import Lesson, Prediction, Scene, Shown
from dashboard.state import lessons
from dashboard.state.lessons import Asked
from l0engine.lessons.shown.gate import GateAsk, GatePicture

_FORMULA = r"""
A uniform number $u$ makes a gate:
$$s=\sigma\!\left(\frac{\log\frac{u}{1-u}+\log\alpha}{\beta}\right),\qquad z=\min\bigl(1,\max(0,\;s(\zeta-\gamma)+\gamma)\bigr)$$
It is open with probability $P(z>0)=\sigma(\log\alpha-\beta\log\frac{-\gamma}{\zeta})$. At test time
$\hat z=\min(1,\max(0,\;\sigma(\log\alpha/\beta)(\zeta-\gamma)+\gamma))$, the median of $z$. As first published, $\beta$ is missing there:
$\sigma(\log\alpha)$.

Source: Louizos, Welling and Kingma (2018), *Learning sparse neural networks through L0 regularization*, equations 10 to 13.
"""


def _show(asked: Asked, picture: GatePicture, colours: Palette) -> Shown:
    alt = "Distribution of a gate, the gate at test time by log alpha, and the features left in while a model of such gates learns"
    film = figure.film(figure.info(asked.ask, picture), colours)
    return Shown(Scene(film, alt, "gate_film"), _sentences(asked.ask, picture), _figures(asked.ask, picture))


def _figures(ask: GateAsk, picture: GatePicture) -> tuple[Figure, ...]:
    gate, slope = (picture.published, picture.published_slope) if ask.published else (picture.gate, picture.gate_slope)
    rule = "With the temperature forgotten, as in the code that came with the paper." if ask.published else "The median of its draws."
    return (
        Figure("Gate at test time", f"{gate:.3f}", rule),
        Figure("Open with probability", wording.percent(picture.p_open), "That it is not exactly 0: what an open gate pays its price for."),
        Figure("Mean", f"{picture.mean:.3f}", "Of all its draws."),
        Figure("Variance", f"{picture.variance:.4f}", "Of all its draws; 0.25 is a coin."),
        Figure("Gradient of the mean", f"{picture.mean_slope:.4f}", "How fast the mean moves with log α: what learning can feel."),
        Figure("Gradient at test time", f"{slope:.4f}", "Of the gate that is read; 0 where it is shut or fully open."),
    )


def _answer(ask: GateAsk, picture: GatePicture) -> tuple[int, str]:
    hot = ask.temperature < 1
    other = GateAsk.choices()["temperature"].options
    half = min(other, key=lambda t: abs(t - ask.temperature / 2))
    cooler = lessons.picture(GateAsk(**{**vars(ask), "temperature": half}))
    before, after = (max(0.0, 1 - p.p_zero - p.p_one) for p in (picture, cooler))
    moved = 0 if after < before - 0.005 else 1 if after > before + 0.005 else 2
    words = f"Between 0 and 1 it falls {wording.percent(before)} of the time at β = {ask.temperature:g}, "
    words += f"{wording.percent(after)} at β = {half:g}"
    return moved, f"{words}{': cold gates make up their minds' if hot and moved == 0 else ''}."


def _sentences(ask: GateAsk, picture: GatePicture) -> tuple[str, ...]:
    trained = picture.trained
    counts = (int(trained.right[-1]), int(trained.published[-1]))
    same = "the same many" if counts[0] == counts[1] else f"{counts[1]}"
    return (
        f"A gate is a number between 0 and 1 that can be **exactly 0** ({wording.percent(picture.p_zero)} of the draws) and exactly 1 "
        f"({wording.percent(picture.p_one)}), and still has a gradient, {picture.mean_slope:.3f} here, so that it can be learnt.",
        f"At test time it is read without chance: it is shut wherever log α is below {wording.weight(picture.closes)}, and this one, "
        f"read by the right rule, is {picture.gate:.2f}.",
        "The code that came with the paper forgot the temperature there, and shuts gates only below "
        f"{wording.weight(picture.closes_published)}: of the {trained.log_alpha.shape[1]} features beside, {counts[0]} stay by the right "
        f"rule and {same} as first published, where {trained.true} matter.",
    )


def _onward(ask: GateAsk, picture: GatePicture) -> str:
    state.set_draft({**state.draft(), "temperature": max(0.05, ask.temperature)})
    return "app_pages/calibrate.py"


LESSON = Lesson(
    "learn_gate",
    "A gate",
    "How can something be switched off by gradient descent?",
    Prediction(
        "Halve the temperature. How often does the gate fall between 0 and 1?", ("Less often", "More often", "About as often"), _answer
    ),
    _show,
    _FORMULA,
    _onward,
    "Opens Calibrate with this temperature.",
)
