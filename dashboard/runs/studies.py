"""Studies of one kind side by side: how they went, what came of them, and the settings that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.kit.browser.live_plot import live_plot
from dashboard.runs import kinds, table, words
from dashboard.runs.figures import series
from dashboard.runs.figures.looks import looks
from dashboard.state import comparing
from l0engine.jobs.job import JobRecord


class Studies:
    """As `comparison.Comparison`, of studies; nothing of them comes first."""

    def __init__(self, jobs: Sequence[JobRecord[Any, Any]]) -> None:
        self._jobs, self._kind = jobs, kinds.KINDS[jobs[0].task.kind]
        names = wording.distinct({job.id: job.title for job in jobs})
        drawn = looks([(job.id, names[job.id], job.pinned) for job in jobs])
        self._lines = [drawn[job.id] for job in jobs]

    def first(self) -> None:
        """Heading and names."""
        title, clear = layout.columns([5, 1], key="compare_heading", narrowest=150, align="bottom")
        what = table.KINDS[self._jobs[0].task.kind].lower()
        title.subheader(f"Compare {wording.plural(len(self._jobs), 'study', 'studies')} of {what}", anchor=False)
        clear.button("Clear", icon=":material/close:", on_click=comparing.compare, args=((),), width="stretch", help="Ends the comparison.")
        st.html(words.legend([(line, f"{job.title}: {job.sentence}") for line, job in zip(self._lines, self._jobs, strict=True)]))

    def rest(self) -> None:
        """The curve, polled while a study is at work, and a table."""
        live = {job.id for job in self._jobs if not job.status.ended}

        @state.ticking(live=bool(live))
        def tick() -> None:
            if any(state.store().job(job).status.ended for job in live):
                st.rerun()
            self._curve()

        tick()
        self._table()

    def _curve(self) -> None:
        kind = self._kind
        histories = [
            (line, [s for s in comparing.history(job) if kind.value(s) is not None])
            for line, job in zip(self._lines, self._jobs, strict=True)
        ]
        if not any(history for _, history in histories):
            st.info("None of these studies has recorded a step of its gates.", icon=":material/hourglass_empty:")
            return
        info = series.info(histories, kind.value)  # type: ignore[arg-type]  # those without a value are left out

        def plot(info: Any, palette: Any) -> Any:
            return series.plot(info, palette, kind.title, kind.axis, kind.words, kind.unit)

        live_plot(plot, info, key="cmp_studies", alt=f"{kind.title} by {kind.unit.lower()}, a line a study")
        st.caption(f"{kind.title}, {kind.unit.lower()} by {kind.unit.lower()}, in the colours of the studies above.")

    def _table(self) -> None:
        apart, came = kinds.settings(self._jobs), kinds.measures(self._jobs)
        st.subheader("What came of them, and settings that differ", anchor=False)
        if not apart:
            st.caption("All settings are the same.")
        frame = pd.DataFrame({table.SWATCH: table.SWATCH, "Study": [line.name for line in self._lines], **came, **apart})
        colours = [f"color: {line.colour}" for line in self._lines]
        styled = frame.style.apply(lambda _: colours, subset=[table.SWATCH])
        st.dataframe(
            styled, hide_index=True, height="content", column_config={table.SWATCH: table.looks(frame)[table.SWATCH]},
            alt="Outcomes and settings that differ, a study a row",
        )  # fmt: skip
