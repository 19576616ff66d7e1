"""The form of a sample: of which table, what it must reproduce, how large, by which method."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.kit import jobs, layout, picker, wording
from dashboard.samples import columns
from dashboard.samples.columns import Column
from dashboard.state.uploads import TABLES, sample_tables, table
from l0engine.errors import L0Error
from l0engine.selection.wanted import Wanted
from l0engine.studies.samples.settings import SampleStudy, checked_figures

_METHODS = {"L0 gates": "l0", "Hybrid": "hybrid", "Cube": "cube", "Random": "random", "Stratified": "stratified"}
_METHOD_HELP = (
    "L0 gates choose every row so that the sample reproduces the figures. Hybrid draws a part at random and lets the gates choose the "
    "rest. The cube method draws at random among samples that are balanced on the figures: every row has the same chance, but it takes "
    "longer. Random and stratified samples are what one draws without looking at the figures."
)
_COMPARE_HELP = "To compare: a stratified sample of the same size, beside the random one."
_CUBE_HELP = "To compare: a sample of the cube method. Seconds for 50 figures of 200,000 rows, minutes for hundreds."
_NONE = "none"


def show() -> None:
    """Entry fields and the button that starts it."""
    words = {"label": "Table", "upload": "Or upload a table", "help": "Rows with named columns."}
    path, title, _ = picker.pick(TABLES, lambda: sample_tables() | TABLES.titles(), key="sample_table", **words)
    try:
        known = columns.columns(path)
        study = _asked(path, title, known)
        study.check(known[0].rows)
        groups = _figures(path, study)
        count = checked_figures(name for names in groups.values() for name in names)
    except L0Error as error:
        st.error(str(error), icon=":material/error:")
        return
    go, words = layout.columns([1, 4], key="sample_start", narrowest=170, align="center")
    parts = ", ".join(f"{group} {len(names)}" for group, names in groups.items())
    words.caption(f"**{wording.plural(count, 'figure')}** to reproduce: {parts}." if count else "Nothing to reproduce yet.")
    if count > study.n:
        words.caption(f"More figures than rows: a sample of {wording.count(study.n)} cannot meet them all closely.")
    why = None if count else "Name at least one mean, share or quantile."
    if go.button("Choose the sample", type="primary", icon=":material/group_add:", disabled=why is not None, help=why, width="stretch"):
        jobs.start(study, {"table.parquet": path})


@st.cache_resource(max_entries=500, show_spinner=False)
def _labels(path: str, name: str, _wanted: Wanted) -> list[str]:
    """Names of the figures behind what is asked; `name` is its text, by which it is kept."""
    return _wanted.columns(table(path))[0]


def _figures(path: str, study: SampleStudy) -> dict[str, list[str]]:
    """Names of all figures, by group, as the study will have them."""
    groups: dict[str, list[str]] = {}
    for group, wanted in study.wanted():
        groups.setdefault(group, []).extend(_labels(path, repr(wanted), wanted))
    return groups


def _asked(path: str, title: str, known: tuple[Column, ...]) -> SampleStudy:
    """What the form says now."""
    first, shown = columns.proposal(known), {"persist_state": "session", "placeholder": "none"}
    left, right = layout.columns(2, key="sample_figures", narrowest=300, gap="medium")
    means = left.multiselect(
        "Means", [c.name for c in known if c.for_means], first.means, key=f"sample_means_{path}", help="Of numbers.", **shown
    )
    quantiles = left.multiselect(
        "Quantiles", [c.name for c in known if c.for_quantiles], first.quantiles, key=f"sample_quantiles_{path}",
        help="Deciles: the share of rows up to each of them.", **shown,
    )  # fmt: skip
    shares = right.multiselect(
        "Shares", [c.name for c in known if c.for_shares], first.shares, key=f"sample_shares_{path}",
        help="Of every category of a column.", **shown,
    )  # fmt: skip
    pairs = {f"{a} × {b}": (a, b) for a, b in columns.pairs(known)}
    joints = right.multiselect(
        "Joint shares", list(pairs), [f"{a} × {b}" for a, b in first.joints], key=f"sample_joints_{path}",
        help="Of every pair of categories of two columns.", **shown,
    )  # fmt: skip
    if refused := [f"{c.name} ({c.refusal})" for c in known if c.refusal]:
        st.caption(f"Not offered: {', '.join(refused[:8])}{f' and {len(refused) - 8} more' if len(refused) > 8 else ''}.")
    return SampleStudy(
        means=tuple(means), shares=tuple(shares), joints=tuple(pairs[j] for j in joints), quantiles=tuple(quantiles), title=title,
        **_design(path, known),
    )  # fmt: skip


def _design(path: str, known: tuple[Column, ...]) -> dict[str, Any]:
    """Method, size and what else belongs to it."""
    rows, kept = known[0].rows, {"persist_state": "session"}
    named = st.segmented_control(
        "Method", list(_METHODS), default="L0 gates", required=True, key="sample_method", help=_METHOD_HELP, **kept
    )
    size, seed, by, part = layout.columns(4, key="sample_design", narrowest=150)
    of = f"Of {wording.plural(rows, 'row')}."
    n = size.number_input("Rows in the sample", 1, None, default_size(rows), key=f"sample_n_{path}", help=of, **kept)
    chance = seed.number_input("Seed", 0, None, 0, key="sample_seed", help="Another seed, another sample.", **kept)
    design: dict[str, Any] = {"n": n, "seed": chance, "method": _METHODS[named]}
    fit = [c.name for c in known if c.for_shares]
    if named == "Stratified":
        design["strata"] = by.selectbox("Stratify by", fit, key=f"sample_strata_{path}", **kept) or ""
    elif named not in ("Random", "Cube"):
        compared = by.selectbox("Also stratify by", [_NONE, *fit], key=f"sample_compare_{path}", help=_COMPARE_HELP, **kept)
        design["strata"] = "" if compared == _NONE else compared
    if named in ("L0 gates", "Hybrid"):
        design["cube"] = st.toggle("Also the cube method", key="sample_cube", help=_CUBE_HELP, **kept)
    if named == "Hybrid":
        options, help_ = [f"{p} %" for p in range(5, 100, 5)], "The others are drawn at random, first."
        share = part.select_slider("Chosen by gates", options, "25 %", key="sample_fraction", help=help_, **kept)
        design["l0_fraction"] = int(share.removesuffix(" %")) / 100
    return design


def default_size(rows: int) -> int:
    """2,000 rows, or a tenth of a smaller table."""
    return max(1, min(2000, rows // 10))
