"""What a lesson says below its picture: a table, and sentences; one part of the page."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

#: A table in the quiet look of the page.
_STYLE = """<style>.told table {width: 100%; border-collapse: collapse; margin-bottom: 1rem; font-variant-numeric: tabular-nums}
.told :is(th, td) {text-align: left; padding: 0.35rem 0.5rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent)}
.told th {font-weight: 600; vertical-align: bottom}
@media (min-width: 900px) {.told td {white-space: nowrap}} @media (max-width: 899px) {.told :is(th, td) {padding: 0.35rem 0.2rem}}
.told div {overflow-x: auto} .told li {margin-bottom: 0.3rem}</style>"""
_BOLD = re.compile(r"[*]{2}(.+?)[*]{2}")


def markup(rows: Sequence[Mapping[str, str]], sentences: Sequence[str]) -> str:
    """HTML of a table, texts by column, a row each, and of sentences; what stands between two pairs of stars is bold.

    All texts are escaped.
    """
    return f"{_STYLE}<div class='told'>{_table(rows)}{_list(sentences)}</div>"


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in row.values()) + "</tr>" for row in rows)
    return f"<div tabindex='0' role='group' aria-label='Table'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _list(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return _BOLD.sub(r"<b>\1</b>", f"<ul>{items}</ul>")
