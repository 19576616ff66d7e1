"""Heads of columns: known ones by their usual decorations, and units that change what the numbers are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

#: What the heads of known columns are, once capitals, brackets and spaces are taken off.
_SPELLINGS = {
    **{name: name for name in ("target", "value", "group", "weight", "household_id", "base_weight")},
    "targets": "target", "target_name": "target", "values": "value", "groups": "group", "weights": "weight",
    "householdid": "household_id", "household_ids": "household_id", "baseweight": "base_weight", "base_weights": "base_weight",
}  # fmt: skip
#: Heads under which surveys keep the weights of households.
WEIGHTS = re.compile(
    r"(?:(?:hh|household|base|design|sample|sampling|survey|final|h|d|p|f|fnl)_?)?(?:weights?|wghts?|wgts?|wts?)(?:_?hh)?"
    r"|w|wgtp|pwgtp|perwt|asecwth?|gewicht|hrf|hochrechnungsfaktor|poids|ponderation|peso|pondera"
)
#: What stands in every head that is known.
_HINT = re.compile("target|value|group|weight|household", re.IGNORECASE)
_BEHIND = re.compile(r"\s*([(\[{].*|[:;,]\s.*|\bin\s.*)$", re.IGNORECASE)
_FACTORS = (
    (re.compile(r"(?:^|[^\w.,])(1[ ,.'’]?000s?|0{3}s?|thousands?|ths|tausend|tsd|milliers|miles)\b|['’]000", re.IGNORECASE), "1000"),
    (re.compile(r"\b(1[ ,.'’]?000[ ,.'’]?000|millions?|mio|mill|mn|millionen|millones)\b", re.IGNORECASE), "1000000"),
    (re.compile(r"\b(billions?|bn|milliarden|mrd|milliards|miles de millones)\b", re.IGNORECASE), "1000000000"),
    (re.compile(r"%|\b(per ?cent|percentage|prozent|pct|pour ?cent|por ?ciento)\b", re.IGNORECASE), "0.01"),
)

#: Columns that a title such as 'in thousands' does not speak of: years, ages, codes and ids, weights and precisions.
_UNSCALED = re.compile(
    r"(?:.*_)?(?:years?|jahre?|ann[eé]e|a[nñ]o|anno|date|month|quarter|age|alter|code|codes?|key|fips|geoid|zip|plz|rank|tolerance|"
    r"id|ids|nr|no|num|number|nummer|serialno|serial|hhid|hhnum|hid|caseid)"
)
_IN_TITLE = re.compile(
    r"\b(?:in|en|em|x|per)\b\s*(.{1,25})|[(\[]([^)\]]{1,40})[)\]]|^(\S+(?:\s\S+)?)$|[,;:–-]\s*(\S+)$",
    re.IGNORECASE,
)


def plain(head: str) -> str:
    """A head in small letters, without brackets, units and marks: 'Household ID [1]' is 'household_id'."""
    text = unicodedata.normalize("NFKC", head).strip().lstrip("#").strip(" \t\"'*")
    return re.sub(r"[\s\-./_]+", "_", _BEHIND.sub("", text).casefold()).strip("_")


def known_heads(columns: Iterable[str], names: Iterable[str], said: Mapping[str, str]) -> dict[str, str]:
    """Which column stands for each known name: as said, else by its very name, else by the one head that is it but for decorations."""
    columns, out = list(columns), {}
    for name in names:
        if name in said:
            if said[name] in columns:
                out[name] = said[name]
        elif name in columns:
            out[name] = name
        else:
            alike = [c for c in columns if _SPELLINGS.get(plain(c)) == name]
            if len(alike) == 1:
                out[name] = alike[0]
    return out


def n_known(cells: Iterable[str]) -> int:
    """How many known names stand among the cells."""
    return len({_SPELLINGS[p] for c in cells if len(c) < 80 and _HINT.search(c) and (p := plain(c)) in _SPELLINGS})


def factor_of(head: str) -> str:
    """What a head says that its numbers are to be multiplied by: '1000' for 'value (thousands)'; empty where it says nothing."""
    found = [factor for pattern, factor in reversed(_FACTORS) if pattern.search(head)]
    return max(found, key=float) if found else ""


def factor_of_title(line: str) -> str:
    """What a title or a note says that numbers are to be multiplied by: '1000' for 'Households (in thousands)'; else empty."""
    parts = ("".join(filter(None, m.groups())) for m in _IN_TITLE.finditer(" ".join(line.strip(' ",;').split())))
    return next((factor for part in parts if (factor := factor_of(part)) not in ("", "0.01")), "")


def is_scaled(head: str) -> bool:
    """Whether a title speaks of the numbers of a column."""
    name = plain(head)
    return not (_UNSCALED.fullmatch(name) or WEIGHTS.fullmatch(name))
