"""Words for a total: of a row at the end of a table, and of a label among categories."""

from __future__ import annotations

import re

_WORDS = (
    r"(?:(?:grand|overall|sub)?[\s-]*totals?|sum|all|everyone|overall|altogether|(?:ins)?gesamt(?:summe)?|summe|zusammen|ensemble|tous|somme|"
    r"suma|totale|totaal|totaux|razem|i alt)"
)
_BEGINS = re.compile(rf"^\s*{_WORDS}\b\W*(?P<more>.*)$", re.IGNORECASE)
_IS = re.compile(rf"\W*{_WORDS}\W*|total .*|.* total", re.IGNORECASE)


def after_total(text: str) -> str | None:
    """What stands behind the word with which a text begins, if that is a word for a total; None where it is not."""
    found = _BEGINS.match(text)
    return found["more"] if found else None


def is_total(label: str) -> bool:
    """True of 'Total', 'All', 'All persons' and their like: a sum over the categories; not of 'All others'."""
    text = " ".join(label.casefold().split())
    return bool(_IS.fullmatch(text)) or (text.startswith("all ") and "other" not in text)
