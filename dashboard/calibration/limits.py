"""What limits an answer, what is proven of it and what was taken by rule: a short list under the verdict."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.kit import wording
from l0engine.calibration.limits import Limit, proof
from l0engine.calibration.results import Certificate

#: Sentences that are shown at once; a verdict is to be read at a glance.
_AT_ONCE = 4
_ICONS = {
    "cap": ":material/vertical_align_top:",
    "few": ":material/group_remove:",
    "contradiction": ":material/sync_problem:",
    "concentration": ":material/warning:",
    "floor": ":material/straighten:",
    "gates": ":material/toggle_on:",
    "unreachable": ":material/link_off:",
    "held out": ":material/visibility_off:",
    "tolerance": ":material/rule:",
    "uneven": ":material/balance:",
}


def show(found: Sequence[Limit], certificate: Certificate | None, taken: Sequence[str]) -> None:
    """The list, and below it in small print what was taken; nothing where there is nothing to say."""
    rows = [f"{_ICONS[limit.kind]} {wording.markdown(limit.sentence)}" for limit in found]
    if certificate is not None:
        rows.append(f":material/{'verified' if certificate.useful else 'question_mark'}: {proof(certificate)}")
    if rows:
        st.html("<style>.st-key-limits ul {list-style: none; padding: 0} .st-key-limits ul > li {margin-left: 0; padding-left: 0}</style>")
        with st.container(key="limits"):
            st.markdown("\n".join(f"- {row}" for row in rows[:_AT_ONCE]))
            if rows[_AT_ONCE:]:
                with st.expander(f"{len(rows) - _AT_ONCE} more"):
                    st.markdown("\n".join(f"- {row}" for row in rows[_AT_ONCE:]))
    if taken:
        st.caption(wording.markdown(" ".join(taken)))
