"""A menu with an upload beside it, which becomes the choice at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import state
from dashboard.kit import layout, wording
from dashboard.state.uploads import Uploads
from l0engine.errors import AmbiguousTable, L0Error


def pick(
    uploads: Uploads, titles: Callable[[], Mapping[str, str]], *, key: str, label: str, upload: str, help: str
) -> tuple[str, str, DeltaGenerator]:
    """What is chosen, its title, and the place below the menu.

    Parameters
    ----------
    uploads : Uploads
        Where an upload is kept.
    titles : callable
        Gives the options and their titles, the first one chosen at first; asked after an upload was kept.
    key : str
        Begins the names of all widgets.
    label, upload, help : str
        Of the menu, and of the upload.
    """
    menu, own = layout.columns([3, 2], key=f"{key}_row", narrowest=300, gap="medium")
    with own:
        file = st.file_uploader(upload, type=uploads.endings, key=f"{key}_upload", help=help)
        if near := state.quota_warning():
            st.caption(near)
    chosen, read = f"{key}_chosen", state.held(f"{key}_read") or ("", "")
    if file is not None and read[0] != file.file_id:
        message = ""
        try:
            with st.spinner("Reading, in a process of its own …"):
                state.hold(chosen, uploads.keep(file.name, file.getvalue()))
        except AmbiguousTable as asked:
            message = f"{asked.question}: mend it in the file, and upload it again."
        except L0Error as error:
            message = str(error)
        read = (file.file_id, message)
        state.hold(f"{key}_read", read)
    if file is not None and read[1]:
        own.error(wording.markdown(read[1]), icon=":material/error:")
    options = wording.distinct(titles())
    if state.held(chosen) not in options:
        state.hold(chosen, next(iter(options)))
    found = menu.selectbox(label, list(options), format_func=options.get, key=chosen, persist_state="session")
    return str(found), options[found], menu
