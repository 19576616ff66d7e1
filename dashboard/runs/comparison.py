"""Runs side by side: how they went, step by step, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from zlib import crc32

import streamlit as st

from dashboard import state
from dashboard.frontier.figures import overlap
from dashboard.kit import layout, wording
from dashboard.kit.browser.live_plot import live_plot
from dashboard.kit.browser.player import play
from dashboard.kit.chart import palette, side_by_side
from dashboard.kit.figures.film import to_json
from dashboard.kit.figures.marks import marks, told
from dashboard.runs import table, words
from dashboard.runs.figures import frontiers, members, pair, replay, ridges, series
from dashboard.runs.figures.looks import Drawn, looks
from dashboard.state import comparing, filters, first
from dashboard.state.opened import problems
from l0engine.calibration.results import Snapshot
from l0engine.jobs.records import RunRecord

#: The lines of runs, each with its snapshots.
Histories = Sequence[tuple[Drawn, Sequence[Snapshot]]]
#: Gates are drawn for so many runs at first, and at most.
_FIRST_RIDGES, _MOST_RIDGES = 3, 6
#: Looks at what came of the runs, by name.
_LOOKS = {"all": "All of them: who is kept", "two": "Two of them"}
#: What an address may ask a comparison for, by name.
CHOICES: Mapping[str, Collection[str]] = {"loss": series.LOSSES, "look": _LOOKS}

_HOW_TO_READ = """
A run has one colour in every picture. **Play** shows how the runs went: misfit, households, gates and errors move together; the arrow keys
go step by step. **Smoothing** averages over the steps before and leaves the raw line faint.

The total loss holds the prices of households and of uneven weights: runs with other prices are better compared by their target misfit.
Errors while a fit runs are those of the gated weights; the table has them after the refit.
"""


class Comparison:
    """Runs side by side, in two parts: what is drawn first, in the browser alone, and all else."""

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        found = words.names(runs)
        drawn = looks([(run.id, found[run.id], run.pinned) for run in runs])
        self._runs, self._lines = runs, [drawn[run.id] for run in runs]
        self._problems = {record.sha: record for record in state.store().problems()}
        self._sizes = {run.id: self._problems[run.problem].n_households for run in runs if run.problem in self._problems}
        self._waits = first.waits()
        self._live: dict[str, list[Snapshot]] = {run.id: [] for run in runs if not run.status.ended}

    def first(self) -> None:
        """Heading, names, and the film."""
        heading, clear = layout.columns([5, 1], key="compare_heading", narrowest=150, align="bottom")
        heading.subheader(f"Compare {wording.plural(len(self._runs), 'run')}", anchor=False)
        if not self._waits:
            end = "Ends the comparison."
            clear.button("Clear", icon=":material/close:", on_click=comparing.compare, args=((),), width="stretch", help=end)
        st.html(words.legend([(line, table.sentence(run)) for line, run in zip(self._lines, self._runs, strict=True)]))
        self._followed(self._film)

    def rest(self) -> None:
        """Curves to look at closely, gates, what came of the runs, and their settings."""
        if (n := len({run.problem for run in self._runs})) > 1:
            first = self._problems.get(self._runs[0].problem)
            st.info(
                f"These runs are of {n} problems: loss and households are not on one scale. Households and targets are compared among "
                f"runs of {f'**{wording.markdown(first.title)}**, ' if first else ''}the problem of the first.",
                icon=":material/info:",
            )
        self._followed(self._course)
        _outcomes(self._runs, self._lines)
        _settings(self._runs, self._lines)
        with st.expander("How to read this"):
            st.markdown(_HOW_TO_READ)

    def _followed(self, draw: Callable[[Histories], None]) -> None:
        """Draw what the snapshots hold; polled while a run is at work."""

        @state.ticking(live=bool(self._live))
        def tick() -> None:
            drawn = self._waits and not first.waits()
            if drawn or any(state.store().job(run_id).status.ended for run_id in self._live):
                st.rerun()
            draw(self._histories())

        tick()

    def _histories(self) -> Histories:
        for run_id, so_far in self._live.items():
            so_far.extend(state.store().snapshots(run_id, since=so_far[-1].step if so_far else -1))
        return [(line, self._live.get(run.id) or comparing.history(run)) for line, run in zip(self._lines, self._runs, strict=True)]

    def _film(self, histories: Histories) -> None:
        if not any(history for _, history in histories):
            if self._waits:
                first.skip()
            soon = ". Pictures appear with the first one." if self._live else ": what goes out from a finished fit has none of its own."
            st.info(f"None of these runs has recorded a step{soon}", icon=":material/hourglass_empty:")
            return
        planned = max((h[-1].epochs for line, h in histories if h and line.id in self._live), default=0)
        film = replay.film(replay.info(histories, self._sizes, planned), palette())
        alt = "Misfit, households kept, gates and errors of each run, step by step"
        play(to_json(film, palette()), key="cmp_film", alt=alt, start=1.0, on_drawn=first.drawn if self._waits else None)

    def _course(self, histories: Histories) -> None:
        if not any(history for _, history in histories):
            self._frontiers()
            return
        which, smooth = layout.columns([1, 2], key="cmp_controls", narrowest=180, gap="medium")
        state.hold_one_of("cmp_which", series.LOSSES)
        state.hold_first("cmp_which", "Total")
        loss = str(which.segmented_control("Loss", list(series.LOSSES), required=True, key="cmp_which"))
        state.hold_first("cmp_smoothing", 0.0)
        smoothing = smooth.slider(
            "Smoothing", 0.0, filters.SMOOTHEST, step=0.02, key="cmp_smoothing", help="How much each step takes over from those before."
        )
        filters.keep_address()
        changed = [mark for line, run in zip(self._lines, self._runs, strict=True) for mark in marks(comparing.events(run), line.colour)]
        course = (
            (
                partial(series.plot_loss, what=loss),
                series.info(histories, series.LOSSES[loss], smoothing, changed),
                "cmp_loss",
                "Loss by step",
            ),
            (series.plot_kept, series.info(histories, lambda s: s.kept, smoothing, changed), "cmp_kept", "Households kept by step"),
        )
        side_by_side(course, "cmp_course", live_plot)
        self._frontiers()
        _gates(histories, self._sizes)

    def _frontiers(self) -> None:
        frontier = frontiers.info([(line, comparing.points(run)) for line, run in zip(self._lines, self._runs, strict=True)])
        if frontier.lines:
            alt = "Median error against households kept, for each run with a frontier"
            live_plot(frontiers.plot, frontier, key="cmp_frontiers", alt=alt)


def _gates(histories: Histories, sizes: Mapping[str, int]) -> None:
    """A few runs' gates over time."""
    names = {line.id: line.name for line, _ in histories}
    chosen = list(names)
    if len(names) > _FIRST_RIDGES:
        asked = st.pills(
            "Gates of", chosen, selection_mode="multi", default=chosen[:_FIRST_RIDGES],
            format_func=lambda run: wording.markdown(names[run]),
            key=f"cmp_gates_{crc32('.'.join(names).encode()):08x}", help=f"Of up to {_MOST_RIDGES} runs at a time.",
        )  # fmt: skip
        chosen = asked[:_MOST_RIDGES]
    drawn = [
        (ridges.plot, ridges.info(line, snapshots, sizes[line.id]), f"cmp_gates_{line.id}", f"Gates over time of {line.name}")
        for line, snapshots in histories
        if line.id in chosen and line.id in sizes  # what was brought in may come without its problem
    ]
    if drawn:
        st.markdown("**Where the gates stand, over time**", help="Height: the log of households. The full ridge is the last step.")
        columns = layout.columns(max(len(drawn), 2) if len(drawn) < 4 else 3, key="cmp_ridges", narrowest=300, gap="medium")
        for i, (plot, info, key, alt) in enumerate(drawn):
            with columns[i % len(columns)]:
                live_plot(plot, info, key=key, alt=alt)


def _outcomes(runs: Sequence[RunRecord], lines: Sequence[Drawn]) -> None:
    """Who is kept, and two runs against each other: of one problem, as households must be the same."""
    mine = [
        (run, line)
        for run, line in zip(runs, lines, strict=True)
        if run.problem == runs[0].problem and run.status.has_result and run.outcome
    ]
    if len(mine) < 2:
        st.caption("Households and targets are compared once two runs of the problem have ended with weights.")
        return
    st.subheader("What came of them", anchor=False)
    _looked_at(mine)


@st.fragment
def _looked_at(mine: Sequence[tuple[RunRecord, Drawn]]) -> None:
    """One of two looks, and only that is computed and sent."""
    state.hold_one_of("cmp_look", _LOOKS)
    state.hold_first("cmp_look", "all")
    which = st.segmented_control(
        "Look at", list(_LOOKS), format_func=_LOOKS.get, required=True, key="cmp_look", label_visibility="collapsed"
    )
    filters.keep_address()
    {"all": _who, "two": _two}[str(which)](mine)


def _who(mine: Sequence[tuple[RunRecord, Drawn]]) -> None:
    """Households by the runs that keep them."""
    kept = state.kept_sets([run for run, _ in mine])
    short = [line.name for _, line in mine]
    drawn = (
        (members.plot, members.info([line for _, line in mine], kept), "cmp_members", "Households by the runs that keep them"),
        (overlap.plot_overlap, overlap.info(short, kept), "cmp_overlap", "Overlap of the households kept, for each two runs"),
    )
    side_by_side(drawn, "cmp_who", live_plot)


def _two(mine: Sequence[tuple[RunRecord, Drawn]]) -> None:
    """One run against another, target by target and household by household."""
    by_id = {run.id: (run, line) for run, line in mine}
    titles = {run.id: line.name for run, line in mine}
    first, second = layout.columns(2, key="cmp_pair", narrowest=240)
    ids = list(titles)
    for key in ("cmp_a", "cmp_b"):
        state.hold_one_of(key, ids)
    a = first.selectbox("This run", ids, 0, format_func=titles.get, key="cmp_a")
    b = second.selectbox("against", ids, 1, format_func=titles.get, key="cmp_b")
    (run_a, line_a), (run_b, line_b) = by_id[str(a)], by_id[str(b)]
    if run_a.problem not in {record.sha for record in state.store().problems()}:
        st.info("The problem of these runs is not here: bring it in to compare targets and households.", icon=":material/info:")
        return
    problem = problems.read_problem(run_a.problem)
    (errors_a, use_a), (errors_b, use_b) = comparing.errors(run_a), comparing.errors(run_b)
    targets = pair.errors_info(line_a, line_b, problem.names, errors_a, errors_b, use_a & use_b)
    households = pair.weights_info(line_a, line_b, problem.household_ids, comparing.weights(run_a), comparing.weights(run_b))
    drawn = (
        (pair.plot_errors, targets, f"cmp_targets_{a}_{b}", "Error of each target in the one run against the other"),
        (pair.plot_weights, households, f"cmp_weights_{a}_{b}", "Weight of each household in the one run against the other"),
    )
    side_by_side(drawn, "cmp_two", live_plot)


def _settings(runs: Sequence[RunRecord], lines: Sequence[Drawn]) -> None:
    """What each was asked for that others were not, and what came of it."""
    st.subheader("Settings that differ", anchor=False)
    frame, looks_ = table.compared(runs, [line.name for line in lines], [told(comparing.events(run)) for run in runs])
    if not words.differing(runs):
        st.caption("All settings are the same.")
    colours = [f"color: {line.colour}" for line in lines]
    styled = frame.style.apply(lambda _: colours, subset=[table.SWATCH]).format(table.WORDS, na_rep=wording.MISSING)
    st.dataframe(styled, hide_index=True, column_config=looks_, height="content", alt="Outcomes and settings that differ, a run a row")
