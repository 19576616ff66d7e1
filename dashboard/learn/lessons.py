"""Ready lessons of 10, 45 and 90 minutes: what to open, how long, and what to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import streamlit as st

from dashboard.state.lessons import LESSONS


class Step(NamedTuple):
    """A part of a lesson: minutes, the page of Learn and what its address says, its title, and what to say."""

    minutes: int
    page: str
    query: Mapping[str, str]
    title: str
    say: str


class Plan(NamedTuple):
    """A lesson: its length in minutes, for whom it is, what they take home, and its parts."""

    minutes: int
    audience: str
    aim: str
    steps: tuple[Step, ...]


_CHOOSE = {"price": "0.4", "view": "60 households", "seed": "0", "hide": "view,seed"}
_ADDRESSES = {
    "gate": {"log_alpha": "0", "temperature": "0.35", "hide": "gamma,zeta,published,seed"},
    "cold": {"log_alpha": "-1", "temperature": "0.1", "hide": "gamma,zeta,seed"},
    "stretch": {"log_alpha": "-1", "temperature": "0.7", "hide": "published,seed"},
    "plane": {"price": "0.4", "view": "2 households", "hide": "view,seed"},
    "easy": {"rows": "200", "noise": "0.5", "correlation": "0", "hide": "seed"},
    "hard": {"rows": "40", "noise": "2", "correlation": "0.9"},
    "evenness": {"price": "0.8", "soft": "as low as pays", "hide": "seed"},
    "network": {"shape": "moons", "price": "1", "hidden": "16", "hide": "seed"},
    "spiral": {"shape": "spiral", "price": "0.5", "hidden": "16", "hide": "seed"},
    "challenge": {"price": "0.4", "seed": "7", "hide": "seed"},
}

PLANS = (
    Plan(
        10, "For anyone: a meeting, a first class.", "A few households can stand for all, and choosing them is a trade.",
        (
            Step(4, "learn_households", _CHOOSE, "Choosing households",
                 "Each dot is a household. Press play: gates shut, the rest grow, three totals meet their line. Ask: the price doubles, "
                 "how many are left? Let them raise a hand before you answer, then move the slider."),
            Step(4, "learn_evenness", _ADDRESSES["evenness"], "Why evenness",
                 "Twelve totals, no error, twelve households. Would you publish that? Play to the end and point at the first bar: it "
                 "stands for seventeen times its weight. Evenness is the area on the right."),
            Step(2, "learn_challenge", _ADDRESSES["challenge"], "Challenge",
                 "Leave it on the screen: who finds fewer households by next week?"),
        ),
    ),
    Plan(
        45, "For analysts who have weighted a survey.", "What a gate is, why it can be learnt, and what to check before weights are used.",
        (
            Step(10, "learn_gate", _ADDRESSES["gate"], "A gate",
                 "A switch has no slope, so it cannot be learnt. This one is a switch with chance in it. Move log α from left to right: "
                 "the grey bar empties into the green one. Lower the temperature: what is between disappears."),
            Step(10, "learn_households", _CHOOSE, "Choosing households",
                 "The same gate, sixty times. Before play: which households will stay? Afterwards hover over the large ones: what have "
                 "they in common? The last step is the refit; watch the bars, not the dots."),
            Step(10, "learn_households", _ADDRESSES["plane"], "Two households",
                 "Two weights make a plane, and the loss a valley in it. Where does each penalty end? L2 comes short of the valley, L1 "
                 "lies on the axis but short, L0 lies on the axis at the bottom."),
            Step(10, "learn_evenness", _ADDRESSES["evenness"], "Why refit, why evenness",
                 "Cover the table. Which of the four would you take? Uncover it. Then raise the softness and let them say what was paid "
                 "for what."),
            Step(5, "learn_challenge", _ADDRESSES["challenge"], "Challenge", "Five minutes, one board. Reveal the frontier at the end."),
        ),
    ),
    Plan(
        90, "For students of statistics or machine learning.",
        "One idea, three uses: households, features, units; and a mistake in famous code.",
        (
            Step(10, "learn_gate", _ADDRESSES["stretch"], "A gate",
                 "Take the formula out of its fold. Why stretch beyond 0 and 1? Set γ and ζ near 0 and 1 and see both bars vanish: "
                 "without stretching, nothing is ever exactly shut."),
            Step(10, "learn_gate", _ADDRESSES["cold"], "As first published",
                 "The code that came with the paper reads σ(log α) at test time and forgets the temperature. Guess: are more gates open, "
                 "or fewer? Switch it on and press play. What would a test have had to check?"),
            Step(15, "learn_households", _CHOOSE, "Choosing households",
                 "Write the objective on the board. What is the gradient of a gate that is shut? Double the price three times and plot the "
                 "number kept by hand."),
            Step(10, "learn_households", _ADDRESSES["plane"], "Two households",
                 "Let them work out by hand where L1 ends, and check on the picture."),
            Step(15, "learn_truth", _ADDRESSES["easy"], "L0, L1 and L2",
                 "Five of twenty features are true. Play: L1 finds them early and keeps shrinking them; by the time they are large it has "
                 "found others too."),
            Step(10, "learn_truth", _ADDRESSES["hard"], "When L0 loses",
                 "The same with 40 rows, much noise and neighbours alike. Who predicts best now? Try ten seeds. There is no free lunch, "
                 "and that is the lesson."),
            Step(15, "learn_network", _ADDRESSES["network"], "Pruning a network",
                 "The same gate on units. When does the boundary settle, and when do units go? Raise the price until it breaks, then try "
                 "the spiral."),
            Step(5, "learn_challenge", _ADDRESSES["challenge"], "Challenge",
                 "Homework: an entry on the board, and two sentences on how it was found."),
        ),
    ),
)  # fmt: skip


def show() -> None:
    """A tab a plan."""
    for tab, plan in zip(st.tabs([f"{plan.minutes} minutes" for plan in PLANS]), PLANS, strict=True):
        with tab:
            st.markdown(f"**{plan.audience}** {plan.aim}")
            for i, step in enumerate(plan.steps):
                with st.container(border=True):
                    asked = LESSONS[step.page].from_texts(step.query).texts()
                    hide = {"hide": step.query["hide"]} if "hide" in step.query else {}
                    label = f"{i + 1}. {step.title}, {step.minutes} min"
                    st.page_link(f"app_pages/{step.page}.py", label=label, icon=":material/play_circle:", query_params=asked | hide)
                    st.markdown(step.say)
