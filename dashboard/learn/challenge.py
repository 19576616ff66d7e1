"""The challenge: twelve totals, the fewest households, and evenly; a board of nicknames, and what the engine's frontier reaches."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard import state
from dashboard.frontier import form
from dashboard.kit import layout, wording
from dashboard.kit.chart import palette
from dashboard.kit.player import play
from dashboard.learn.figures import attempts
from dashboard.learn.page import Lesson, Prediction
from dashboard.state import lessons
from l0engine.errors import L0Error
from l0engine.lessons.board import LONGEST
from l0engine.lessons.shown.challenge import LEAST_ESS, MOST_ERROR, Attempt, ChallengeAsk, FrontierAsk, FrontierPicture

_FORMULA = r"""
An answer counts where the median over the twelve totals of $|\text{estimate}-y|/y$ is at most 5 % and
$n_\text{eff}=(\sum w)^2/\sum w^2$ is at least half of the households kept. Of the answers that count the one with fewer households is
better, then the one with the lower median error.

The frontier comes from one fit: at each number of households a convex relaxation weighs all of them together, elimination takes out the
least, exchange swaps single ones, and the rest is refitted. Sources: Kish (1965); for the relaxation
Bertsimas, Pauphilet and Van Parys (2020).
"""


def draw(ask: ChallengeAsk, picture: Attempt) -> None:
    """The score, the picture, the board, and the reveal."""
    layout.metrics(_score(picture), key="challenge_score", narrowest=120)
    _verdict(picture)
    board = lessons.board()
    best = board.best(ask.seed)
    revealed = _revealed(ask)
    left, right = layout.columns([3, 2], key="challenge_picture", narrowest=330, gap="medium")
    with left:
        alt = "Households kept against the share of them that is effective: this attempt, the board, the frontier"
        play(attempts.film(attempts.info(picture, best, revealed), palette()), key="challenge_attempts", alt=alt)
    with right:
        _enter(ask, picture)
        rows = [
            {
                "Place": i + 1, "Nickname": e.name, "Households": e.kept, "Median error": wording.percent(e.median),
                "Effective": wording.weight(round(e.ess, 1)), "When": f"{datetime.fromtimestamp(e.when):%d %b %H:%M}",
            }
            for i, e in enumerate(best[:10])
        ]  # fmt: skip
        if rows:
            st.dataframe(rows, hide_index=True, height="content")
        else:
            st.caption("Nobody is on the board of this problem yet.")


def _score(picture: Attempt) -> dict[str, tuple[str, str]]:
    need = wording.weight(round(LEAST_ESS * picture.kept, 1))
    return {
        "Households kept": (wording.count(picture.kept), "The fewer the better."),
        "Median error": (wording.percent(picture.median), f"At most {wording.percent(MOST_ERROR)} counts."),
        "Largest error": (
            wording.percent(picture.worst),
            "It does not count here, but look at it: a median says nothing of the worst total.",
        ),
        "Effective sample size": (wording.weight(round(picture.ess, 1)), f"At least {need} counts, half of those kept."),
    }


def _verdict(picture: Attempt) -> None:
    missing = []
    if picture.median > MOST_ERROR:
        missing.append(f"the median error is above {wording.percent(MOST_ERROR)}: lower the price, or the softness")
    if not picture.even:
        missing.append("the weights are too uneven: raise the price of uneven weights, or the softness")
    if missing:
        st.warning(f"This does not count yet: {'; and '.join(missing)}.", icon=":material/block:")
    else:
        st.success(f"This counts: {wording.plural(picture.kept, 'household')}. Can fewer do?", icon=":material/check:")


def _enter(ask: ChallengeAsk, picture: Attempt) -> None:
    name, go = layout.columns([2, 1.2], key="challenge_enter", narrowest=120, align="bottom")
    nick = name.text_input(
        "Nickname", max_chars=LONGEST, key="challenge_name", persist_state="session", placeholder=f"for the board, up to {LONGEST} letters"
    )
    why = None if picture.counts and nick.strip() else "An attempt that counts and a nickname are needed."
    if go.button("Enter", icon=":material/trophy:", disabled=why is not None, help=why, width="stretch"):
        try:
            lessons.board().enter(nick, ask, picture)
            st.rerun()
        except (L0Error, OSError) as error:
            st.error(str(error), icon=":material/error:")


def _revealed(ask: ChallengeAsk) -> FrontierPicture | None:
    """The frontier of this problem, where it was asked for."""
    if not st.toggle(
        "Reveal the engine's frontier", key=f"challenge_reveal_{ask.seed}", help="It takes a few seconds. Try by yourself first."
    ):
        return None
    try:
        with st.spinner("Working out fifteen sizes …"):
            found: FrontierPicture = lessons.picture(FrontierAsk(seed=ask.seed))
    except L0Error as error:
        st.error(str(error), icon=":material/error:")
        return None
    if found.best is not None:
        b = found.best
        st.markdown(
            f"The frontier gets down to **{wording.plural(b.kept, 'household')}** that count, with a median error of "
            f"{wording.percent(b.median)}, a "
            f"largest one of {wording.percent(b.worst)} and an effective sample size of {wording.weight(round(b.ess, 1))}."
        )
    return found


def _answer(ask: ChallengeAsk, picture: Attempt) -> tuple[int, str]:
    found = lessons.picture(FrontierAsk(seed=ask.seed)).best
    fewest = found.kept if found else 0
    right = 0 if fewest <= 12 else 1 if fewest <= 30 else 2
    return right, f"The engine's frontier reaches {wording.plural(fewest, 'household')} that count. How near can a price alone come?"


def _sentences(ask: ChallengeAsk, picture: Attempt) -> tuple[str, ...]:
    return (
        f"Here are 120 households and twelve totals of four regions: reach a median error of {wording.percent(MOST_ERROR)} with the fewest "
        "households, and an effective sample size of at least half of them.",
        f"Now {wording.plural(picture.kept, 'household')} stay, with a median error of {wording.percent(picture.median)} and "
        f"{wording.weight(round(picture.ess, 1))} effective ones.",
        "The engine scores every attempt on the spot; the seed is the problem, and each has a board of its own.",
    )


def _onward(ask: ChallengeAsk, picture: Attempt) -> str:
    changes = {"price_l0": ask.price, "price_l2": ask.uneven, "temperature": ask.temperature, "mu": ask.soft}
    state.set_draft({**state.draft(), **changes})
    form.go_out_from_new_fit()
    return "app_pages/frontier.py"


LESSON = Lesson(
    "learn_challenge",
    "Challenge",
    "Can you beat the others: 5 % median error, the fewest households, evenly?",
    Prediction("How few of 120 households will the engine need for twelve totals?", ("12 or fewer", "13 to 30", "More than 30"), _answer),
    draw,
    _sentences,
    _FORMULA,
    _onward,
    "Opens Frontier with these settings, where one fit answers for every number of households.",
)
