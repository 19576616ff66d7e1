"""Files with a matrix that is ready: taken in, asked about, read as a problem."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import state
from dashboard.kit import question
from l0engine.errors import AmbiguousTable, L0Error
from l0engine.io import pickles


def show() -> None:
    """The uploader, the button that reads, and what the files leave open."""
    with st.expander("Or upload a matrix that is ready", icon=":material/upload_file:", expanded=state.held("uploaded") is not None):
        st.markdown(
            "**matrix**, **targets** with columns `target, value` and, if you have it, **households** with `household_id, base_weight`; or "
            "one .zip of them. The matrix may be .npz or .mtx; all may be tables: .csv and other text, .xlsx, .parquet, .arrow, .dta, "
            ".sas7bdat, .sav, .rds. Or an ordered problem of microcosm (.npz), alone. Files stay on this machine."
        )
        files = st.file_uploader("Files", type=state.KINDS, accept_multiple_files=True, key="uploaded", label_visibility="collapsed")
        if near := state.quota_warning():
            st.caption(near)
        why = None if files else "Add a matrix and targets first."
        if st.button("Read these files", type="primary", disabled=why is not None, help=why, icon=":material/play_arrow:"):
            state.hold("upload_answers", {})
            _read(files)
        asked = state.held("upload_question")
        if files and asked is not None:
            answers: dict[str, dict[str, str]] = state.held("upload_answers")
            of_file = answers.setdefault(asked.file, {})
            if (answer := question.ask(asked, f"upload_{asked.file}_{asked.setting}_{len(of_file)}")) is not None:
                of_file[asked.setting] = answer
                _read(files)


def _read(files: Sequence[UploadedFile]) -> None:
    """Make the files the current problem, or say what is wrong, or keep what is to be asked."""
    state.hold("upload_question", None)
    try:
        with st.spinner("Reading, in a process of its own …"):
            state.hold("read_as", state.open_upload([(f.name, f.getvalue()) for f in files], state.held("upload_answers")))
    except AmbiguousTable as asked:
        state.hold("upload_question", asked)
    except L0Error as error:
        st.error(f"{error} Your files and the current problem are still here.", icon=":material/error:")
        if any(f.name.lower().endswith(pickles.ENDINGS) for f in files):
            st.code(pickles.LINES, language="python")
        return
    st.rerun()
