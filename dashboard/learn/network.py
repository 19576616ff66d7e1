"""Pruning in a plane: a boundary that stays while units go, and the small network that is left."""

from __future__ import annotations

from dashboard import state
from dashboard.kit import wording
from dashboard.kit.theme import Palette
from dashboard.learn.figures import network
from dashboard.learn.page import Lesson, Prediction, Scene, Shown
from dashboard.state.lessons import Asked
from l0engine.lessons.shown.network import NetworkAsk, NetworkPicture

_FORMULA = r"""
Every hidden unit $k$ of both layers has a gate $z_k$ that multiplies all it emits. Weights $W$ and gates are learnt together:
$$\min\;\;\mathbb{E}_z\Bigl[\frac1n\sum_i\text{cross entropy}\bigl(y_i,\,f(x_i;W,z)\bigr)\Bigr]+\frac{\lambda_0}{n}\sum_k|W_k|\,P(z_k>0)$$
$|W_k|$ is the number of weights that lead into the unit. A unit whose gate is shut emits 0, so it can be taken out with all its weights,
and the network says the same as before.

Source: Louizos, Welling and Kingma (2018), section 2.4 (groups of weights).
"""


def _show(asked: Asked, picture: NetworkPicture, colours: Palette) -> Shown:
    alt = "Two classes of points on a map of what the network says, and its units and connections as they go"
    return Shown(Scene(network.film(network.info(picture), colours), alt, "network_film"), _sentences(asked.ask, picture))


def _units(picture: NetworkPicture, stage: int) -> int:
    return sum(int(alive[stage].sum()) for alive in picture.alive[1:3])


def _same(difference: float) -> str:
    if difference == 0:
        return "its scores are those of the gated one to the last digit"
    return f"its scores differ by at most {difference:.0e} from those of the gated one"


def _answer(ask: NetworkAsk, picture: NetworkPicture) -> tuple[int, str]:
    left, of = _units(picture, -1), 2 * ask.hidden
    right = 0 if left / of < 0.35 else 1 if left / of < 0.7 else 2
    return (
        right,
        f"{left} of {of} units are left at this price, and {wording.percent(float(picture.accuracy[-1]))} of new points are told right.",
    )


def _sentences(ask: NetworkAsk, picture: NetworkPicture) -> tuple[str, ...]:
    best = float(picture.accuracy.max())
    return (
        f"The network begins with {2 * ask.hidden} hidden units, more than it needs, and learns the boundary first, for the price of its "
        "weights rises slowly.",
        f"Then units go, one gate after another, until {_units(picture, -1)} are left; on its way it told up to {wording.percent(best)} "
        f"of new points right, and {wording.percent(float(picture.accuracy[-1]))} in the end.",
        f"What is dead is taken out: the small network stores {wording.count(picture.after)} numbers in place of "
        f"{wording.count(picture.before)}, and {_same(picture.difference)}.",
    )


def _onward(ask: NetworkAsk, picture: NetworkPicture) -> str:
    prices = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
    state.hold("pruning_kind", "Fully connected")
    state.hold("pruning_l0_mlp", f"{min(prices, key=lambda p: abs(p - ask.price)):g}")
    state.hold("pruning_hidden_mlp", ask.hidden)
    return "app_pages/pruning.py"


LESSON = Lesson(
    "learn_network",
    "Pruning a network",
    "How much of a network can go before it draws another boundary?",
    Prediction("At this price, how many hidden units are left in the end?", ("A third or fewer", "About half", "Most of them"), _answer),
    _show,
    _FORMULA,
    _onward,
    "Opens Pruning, on handwritten digits, with this price and width.",
)
