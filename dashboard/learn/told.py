"""What a lesson says below its picture: a table, and sentences; one part of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard.kit.markup import listed, table

#: A table in the quiet look of the page.
_STYLE = """<style>.told table {width: 100%; border-collapse: collapse; margin-bottom: 1rem; font-variant-numeric: tabular-nums}
.told :is(th, td) {text-align: left; padding: 0.35rem 0.5rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent)}
.told th {font-weight: 600; vertical-align: bottom}
@media (min-width: 900px) {.told td {white-space: nowrap}} @media (max-width: 899px) {.told :is(th, td) {padding: 0.35rem 0.2rem}}
.told div {overflow-x: auto} .told li {margin-bottom: 0.3rem}</style>"""


def markup(rows: Sequence[Mapping[str, str]], sentences: Sequence[str]) -> str:
    """HTML of a table, texts by column, a row each, and of sentences, with bold words as in Markdown; all texts are escaped."""
    shown = table(rows[0], (row.values() for row in rows)) if rows else ""
    within = f"<div tabindex='0' role='group' aria-label='Table'>{shown}</div>" if shown else ""
    return f"{_STYLE}<div class='told'>{within}{listed(sentences)}</div>"
