"""HTML of tables and sentences, all of whose texts are escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table: names of columns, and a row of cells each."""
    names = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def listed(sentences: Iterable[str]) -> str:
    """Sentences as a list, each as `marked`; nothing for none."""
    items = "".join(f"<li>{marked(sentence)}</li>" for sentence in sentences)
    return items and f"<ul>{items}</ul>"


def marked(words: str) -> str:
    """Words of Markdown: what stands between two pairs of stars is bold, between backticks code."""
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(words, quote=False))
    return re.sub(r"`(.+?)`", r"<code>\1</code>", text)
