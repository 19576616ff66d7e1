"""Columns of statistics programs: categories as the text of their labels, whole numbers as such, dates as text."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from l0engine.io.limits import clipped

_EXACT = 2**53

#: Labels of values that are no answer, alone or two after each other: 'Refused / no answer'.
_NONE = (
    r"(?:refus(?:ed|al)?|refused to answer|don'?t know|do not know|dk|no (?:answer|response|data)|missing|unknown|inapplicable|niu|n\.?/?a"
    r"|not (?:applicable|asked|stated|available|reported|known|ascertained)|(?:item )?non[ -]?response|keine (?:angabe|antwort)"
    r"|wei(?:ß|ss) nicht|trifft nicht zu|verweigert|unbekannt|fehlend|ne sait pas|sans r[ée]ponse|non concern[ée]|manquant)"
)
_NO_ANSWER = re.compile(rf"\W*{_NONE}(?:\W+(?:or |oder |ou )?{_NONE})?\W*", re.IGNORECASE)


def column(values: Sequence[Any] | np.ndarray) -> pa.Array:
    """Values that may be missing (None, NaN), as text, whole numbers or numbers; dates and times as text (ISO 8601)."""
    if not isinstance(values, np.ndarray) and any(isinstance(v, datetime.date | datetime.time) for v in values):
        values = [v.isoformat(*((" ",) if isinstance(v, datetime.datetime) else ())) if hasattr(v, "isoformat") else v for v in values]
    a = pa.array(values, from_pandas=True)
    if not pa.types.is_floating(a.type):
        return a
    whole = pc.and_(pc.equal(a, pc.floor(a)), pc.less(pc.abs(a), _EXACT))
    return a.cast(pa.int64()) if pc.all(whole).as_py() is not False and len(a) > a.null_count else a


def labelled(name: str, a: pa.Array, labels: Mapping[Any, str]) -> tuple[pa.Array, str | None]:
    """A column as the text of its labels where every value has one, else as it is; and a remark, where labels are not used.

    Two values with one label stay apart: their values are added to it. Where others have none, what is labelled 'refused' is no value.
    """
    values, codes = a.dictionary_encode().dictionary.to_pylist(), a.dictionary_encode().indices
    texts = {code: str(text).strip() or str(code) for code, text in labels.items()}
    bare = [v for v in values if v not in texts]
    if bare or not values:
        gone = {code: text for code, text in texts.items() if code in values and _NO_ANSWER.fullmatch(text[:80])}
        if bare and gone and not pa.types.is_string(a.type):
            said = ", ".join(f"{code:g} ('{clipped(text, 20)}')" for code, text in list(gone.items())[:3])
            a = pc.if_else(pc.is_in(a, value_set=pa.array(list(gone), a.type)), pa.scalar(None, a.type), a)
            return a, f"{said} of column '{clipped(name)}' taken as no value, as their labels say"
        kept = ", ".join(f"{code} = '{clipped(text, 20)}'" for code, text in list(texts.items())[:3])
        return a, f"labels of single values of column '{clipped(name)}' left out ({kept})" if values else None
    often = Counter(texts[v] for v in values)
    own = [texts[v] if often[texts[v]] == 1 else f"{texts[v]} ({v})" for v in values]
    return pa.DictionaryArray.from_arrays(codes, pa.array(own, pa.string())).cast(pa.string()), None
