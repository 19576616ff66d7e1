"""The challenge: twelve totals, the fewest households, and evenly; a board of nicknames, and what the engine's frontier reaches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import state
from dashboard.frontier import form
from dashboard.kit import layout, wording
from dashboard.kit.browser.panel import Control, Figure, Note
from dashboard.kit.theme import Palette
from dashboard.learn.figures import attempts
from dashboard.learn.page import Lesson, Prediction, Scene, Shown
from dashboard.state import lessons
from dashboard.state.lessons import Asked
from l0engine.errors import L0Error
from l0engine.lessons.board import LONGEST, Entry
from l0engine.lessons.shown.challenge import LEAST_ESS, MOST_ERROR, Attempt, ChallengeAsk, FrontierAsk, FrontierPicture

PAGE = "learn_challenge"
_FORMULA = r"""
An answer counts where the median over the twelve totals of $|\text{estimate}-y|/y$ is at most 5 % and
$n_\text{eff}=(\sum w)^2/\sum w^2$ is at least half of the households kept. Of the answers that count the one with fewer households is
better, then the one with the lower median error.

The frontier comes from one fit: at each number of households a convex relaxation weighs all of them together, elimination takes out the
least, exchange swaps single ones, and the rest is refitted. Sources: Kish (1965); for the relaxation
Bertsimas, Pauphilet and Van Parys (2020).
"""


def _show(asked: Asked, picture: Attempt, colours: Palette) -> Shown:
    """The score, the picture with the board, and the reveal."""
    seed = asked.ask.seed
    best, revealed = lessons.board().best(seed), lessons.picture(FrontierAsk(seed=seed)) if asked.revealed else None
    alt = "Households kept against the share of them that is effective: this attempt, the board, the frontier"
    scene = Scene(attempts.film(attempts.info(picture, best, revealed), colours), alt, "challenge_attempts")
    return Shown(scene, _sentences(asked.ask, picture, revealed, bool(best)), _score(picture), _verdict(picture), _board(best))


def _score(picture: Attempt) -> tuple[Figure, ...]:
    need = wording.weight(round(LEAST_ESS * picture.kept, 1))
    worst = "It does not count here, but look at it: a median says nothing of the worst total."
    return (
        Figure("Households kept", wording.count(picture.kept), "The fewer the better."),
        Figure("Median error", wording.percent(picture.median), f"At most {wording.percent(MOST_ERROR)} counts."),
        Figure("Largest error", wording.percent(picture.worst), worst),
        Figure("Effective sample size", wording.weight(round(picture.ess, 1)), f"At least {need} counts, half of those kept."),
    )


def _verdict(picture: Attempt) -> Note:
    missing = []
    if picture.median > MOST_ERROR:
        missing.append(f"the median error is above {wording.percent(MOST_ERROR)}: lower the price, or the softness")
    if not picture.even:
        missing.append("the weights are too uneven: raise the price of uneven weights, or the softness")
    if missing:
        return Note("bad", "This does not count yet:", f"{'; and '.join(missing)}.")
    return Note("good", "This counts:", f"{wording.plural(picture.kept, 'household')}. Can fewer do?")


def _board(best: Sequence[Entry]) -> list[dict[str, str]]:
    return [
        {
            "Place": str(i + 1), "Nickname": e.name, "Households": wording.count(e.kept), "Median error": wording.percent(e.median),
            "Effective": wording.weight(round(e.ess, 1)), "When": f"{datetime.fromtimestamp(e.when):%d %b %H:%M}",
        }
        for i, e in enumerate(best[:10])
    ]  # fmt: skip


@st.fragment
def _enter() -> None:
    """A nickname for the board."""
    name, go, _ = layout.columns([2, 1, 2], key="challenge_enter", narrowest=200, align="bottom")
    nick = name.text_input(
        "Nickname", max_chars=LONGEST, key="challenge_name", persist_state="session", placeholder=f"for the board, up to {LONGEST} letters"
    )
    if go.button("Enter", icon=":material/trophy:", help="Puts this attempt on the board, if it counts.", width="stretch"):
        ask = lessons.ask(PAGE)
        try:
            lessons.board().enter(nick, ask, lessons.picture(ask))
            st.rerun()
        except (L0Error, OSError) as error:
            st.error(str(error), icon=":material/error:")


def _reveal(asked: Asked) -> tuple[Control, ...]:
    """A switch whose value when on is the seed: another problem starts with its frontier hidden."""
    options = (("off", "off"), (str(asked.ask.seed), "on"))
    value = options[asked.revealed][0]
    return (Control("reveal", "switch", "Reveal the engine's frontier", "It takes a few seconds. Try by yourself first.", options, value),)


def _frontier(found: FrontierPicture) -> str:
    if (b := found.best) is None:
        return "No size on the engine's frontier counts."
    return (
        f"The engine's frontier gets down to **{wording.plural(b.kept, 'household')}** that count, with a median error of "
        f"{wording.percent(b.median)}, a largest one of {wording.percent(b.worst)} and an effective sample size of "
        f"{wording.weight(round(b.ess, 1))}."
    )


def _answer(ask: ChallengeAsk, picture: Attempt) -> tuple[int, str]:
    found = lessons.picture(FrontierAsk(seed=ask.seed)).best
    fewest = found.kept if found else 0
    right = 0 if fewest <= 12 else 1 if fewest <= 30 else 2
    return right, f"The engine's frontier reaches {wording.plural(fewest, 'household')} that count. How near can a price alone come?"


def _sentences(ask: ChallengeAsk, picture: Attempt, revealed: FrontierPicture | None, entered: bool) -> tuple[str, ...]:
    board = "" if entered else " Nobody is on the board of this one yet."
    return (
        *(() if revealed is None else (_frontier(revealed),)),
        f"Here are 120 households and twelve totals of four regions: reach a median error of {wording.percent(MOST_ERROR)} with the fewest "
        "households, and an effective sample size of at least half of them.",
        f"Kept now: {wording.plural(picture.kept, 'household')}, with a median error of {wording.percent(picture.median)} and "
        f"{wording.weight(round(picture.ess, 1))} effective ones.",
        f"The engine scores every attempt on the spot; the seed is the problem, and each has a board of its own.{board}",
    )


def _onward(ask: ChallengeAsk, picture: Attempt) -> str:
    changes = {"price_l0": ask.price, "price_l2": ask.uneven, "temperature": ask.temperature, "mu": ask.soft}
    state.set_draft({**state.draft(), **changes})
    form.go_out_from_new_fit()
    return "app_pages/frontier.py"


LESSON = Lesson(
    PAGE,
    "Challenge",
    "Can you beat the others: 5 % median error, the fewest households, evenly?",
    Prediction("How few of 120 households will the engine need for twelve totals?", ("12 or fewer", "13 to 30", "More than 30"), _answer),
    _show,
    _FORMULA,
    _onward,
    "Opens Frontier with these settings, where one fit answers for every number of households.",
    _reveal,
    _enter,
)
