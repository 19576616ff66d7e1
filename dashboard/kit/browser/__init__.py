"""What the browser draws with code of ours, which stands beside the Python that sends it: live charts, films, a panel of controls."""

from __future__ import annotations

from pathlib import Path


def code(name: str) -> str:
    """A script or style sheet of this folder."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
