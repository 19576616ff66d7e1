"""A button that hands out a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def download(label: str, content: Callable[[], bytes], name: str, mime: str, help: str, *, first: bool = True, place: Any = st) -> None:
    """Draw it in `place`; the file is written when it is asked for, and the one that people come for stands out.

    `name` is that of the file, unique on the page.
    """
    place.download_button(
        label, content, file_name=name, mime=mime, key=f"download_{name}", help=help, icon=":material/download:",
        type="primary" if first else "secondary", on_click="ignore", width="stretch",
    )  # fmt: skip
