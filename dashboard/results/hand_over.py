"""What there is to take away: reports, a bundle, and the code that repeats the run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from dashboard.kit import layout, wording
from dashboard.kit.download import download
from dashboard.report.html import html
from l0engine.errors import L0Error
from l0engine.explain.targets import FEW
from l0engine.io import save_table, weights_table
from l0engine.report.bundle import bundle
from l0engine.report.facts import Facts
from l0engine.report.markdown import markdown
from l0engine.report.script import notebook, script
from l0engine.report.sections import sections


def show(facts: Facts) -> None:
    """Warnings first, then files, then code."""
    if len(facts.hanging):
        st.warning(
            f"{wording.plural(len(facts.hanging), 'total')} hang on 1 to {FEW} kept households, whom a published estimate may tell about. "
            "Look at them before anything is published.",
            icon=":material/visibility_lock:",
        )
        with st.expander("Which totals", icon=":material/list:"):
            named = {"target": facts.problem.names[facts.hanging], "kept households": facts.behind}
            st.dataframe(named, hide_index=True, key="hanging_table")
    st.markdown("**Reports** say what was found, without any household. **The bundle** has the report, weights, targets, scripts and more.")
    columns = st.multiselect(
        "Columns of the households to export beside ids and weights",
        list(facts.problem.attributes.columns),
        key="export_columns",
        placeholder="None: they are microdata",
        help="They go into the bundle and into the weights below.",
    )
    kept, zipped, parquet = facts.measures.kept, "application/zip", "application/octet-stream"
    others = "Report, weights as CSV and Parquet, targets, scripts, and files that PolicyEngine's dashboards read."
    files = (
        ("Report (HTML)", lambda: html(facts).encode(), "report.html", "text/html", "Opens in any browser, without a network."),
        ("Report (Markdown)", lambda: markdown(facts.title, sections(facts)).encode(), "report.md", "text/markdown", "Words and tables."),
        ("Everything (zip)", lambda: bundle(facts, html(facts), columns=columns), "bundle.zip", zipped, others),
        ("Weights (Parquet)", lambda: _parquet(facts, columns), f"weights_{kept}.parquet", parquet, "With the columns chosen above."),
    )
    for i, (place, file) in enumerate(zip(layout.columns(4, key="hand_over", narrowest=180), files, strict=True)):
        download(*file, first=i == 0, place=place)
    st.segmented_control(
        "Pictures, saved by the camera above each", ["SVG", "PNG"], default="SVG", key="picture_format", required=True,
        persist_state="session", help="SVG for print; PNG, at three times the pixels, for slides. That of all targets is always PNG.",
    )  # fmt: skip
    with st.expander("Show code", icon=":material/code:"):
        try:
            text = script(facts)
        except L0Error as error:
            st.info(str(error))
            return
        book = "application/x-ipynb+json"
        left, right = layout.columns(2, key="code_files", narrowest=180)
        download("Script", text.encode, "reproduce.py", "text/x-python", "Makes the same bits.", first=False, place=left)
        download("Notebook", lambda: notebook(facts).encode(), "reproduce.ipynb", book, "For Jupyter.", first=False, place=right)
        st.code(text, language="python", wrap_lines=True)


def _parquet(facts: Facts, columns: list[str]) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "weights.parquet")
        save_table(weights_table(facts.problem, facts.weights, columns), path)
        return path.read_bytes()
