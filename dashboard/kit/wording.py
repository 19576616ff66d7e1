"""Numbers as people read them: pure functions from a number to a short text, one home for every page and figure.

A number that is missing (None, nan) or infinite reads '–'; a minus is the true sign '−'.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

MISSING = "–"
_THOUSANDS = ("", " k", " M", " B", " T")
_BYTES = (" bytes", " kB", " MB", " GB", " TB")


def count(number: float | None) -> str:
    """Whole things, with thousands separators.

    >>> count(12576)
    '12,576'
    """
    return _plain(number, 0) if _is_finite(number) else MISSING


def short(number: float | None) -> str:
    """Three digits and a magnitude (k, M, B for 10^9, T for 10^12), for ticks and tight places.

    >>> short(12576), short(1.48e13), short(0.5)
    ('12.6 k', '14.8 T', '0.5')
    """
    return _scaled(number, _THOUSANDS) if _is_finite(number) else MISSING


def percent(share: float | None) -> str:
    """A share or relative error: two digits below 10 %, one decimal below 1,000 %; nothing less rounds up to 100 %.

    >>> percent(0.0008), percent(0.019), percent(0.9999), percent(3e-7)
    ('0.08 %', '1.9 %', '> 99.9 %', '< 0.001 %')
    """
    if not _is_finite(share):
        return MISSING
    value = abs(share) * 100
    sign = "−" if share < 0 else ""
    if value == 0:
        return "0 %"
    if value < 0.001:
        return f"{sign}< 0.001 %" if not sign else "> −0.001 %"
    if 99.95 <= value < 100:
        return "> 99.9 %" if not sign else "< −99.9 %"
    if value >= 1000 or float(f"{value:.1f}") >= 1000:
        return f"{sign}{short(value)} %" if value >= 1e6 else f"{sign}{_plain(value, 0)} %"
    return f"{sign}{_digits(value, 2) if value < 10 else _trim(f'{value:.1f}')} %"


def of(part: float, whole: float) -> str:
    """A part with what it is out of.

    >>> of(3763, 200576)
    '3,763 of 200,576 (1.9 %)'
    """
    share = part / whole if whole else math.nan
    return f"{count(part)} of {count(whole)} ({percent(share)})"


def seconds(duration: float | None) -> str:
    """A duration in its two largest units.

    >>> seconds(0.045), seconds(3.2), seconds(72), seconds(3700)
    ('45 ms', '3.2 s', '1 min 12 s', '1 h 2 min')
    """
    if not _is_finite(duration):
        return MISSING
    duration = max(float(duration), 0.0)
    if duration < 0.9995:
        return f"{duration * 1000:.0f} ms" if duration else "0 s"
    if duration < 9.95:
        return f"{_trim(f'{duration:.1f}')} s"
    for name, size, part, part_size in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        parts = round(duration / part_size)
        if parts * part_size >= size:
            whole, rest = divmod(parts, size // part_size)
            return f"{whole} {name} {rest} {part}" if rest else f"{whole} {name}"
    return f"{duration:.0f} s"


def weight(number: float | None) -> str:
    """A survey weight: thousands separators, one decimal below 10,000, three digits below 10.

    >>> weight(1234.5), weight(45678.9), weight(0.01234)
    ('1,234.5', '45,679', '0.0123')
    """
    if not _is_finite(number):
        return MISSING
    size = abs(number)
    if size < 10:
        return ("−" if number < 0 else "") + _digits(size, 3)
    return _plain(number, 1 if size < 10_000 else 0)


def ratio(number: float | None) -> str:
    """How many times one number is another.

    >>> ratio(14.234), ratio(1), ratio(1820)
    ('14.2 ×', '1 ×', '1,820 ×')
    """
    if not _is_finite(number):
        return MISSING
    return f"{_digits(number, 3) if abs(number) < 1000 else _plain(number, 0)} ×"


def amount(number: float | None) -> str:
    """A total in the target's own units: separators up to a million, then `short`.

    >>> amount(61), amount(4123.28), amount(1.48e13)
    ('61', '4,123.3', '14.8 T')
    """
    return short(number) if _is_finite(number) and abs(number) >= 1e6 else weight(number)


def size(number: float | None) -> str:
    """A number of bytes, in powers of 1,000.

    >>> size(71_400_000), size(512)
    ('71.4 MB', '512 bytes')
    """
    return _scaled(number, _BYTES) if _is_finite(number) else MISSING


def plural(number: float, noun: str, nouns: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "household"), plural(12576, "household")
    ('1 household', '12,576 households')
    """
    return f"{count(number)} {noun if round(number) == 1 else nouns or noun + 's'}"


def markdown(text: str) -> str:
    """A text from outside, or a sentence with one in it, as it stands, where Markdown is read.

    >>> markdown("a*b [c](d): 1")
    'a\\\\*b \\\\[c\\\\](d): 1'
    """
    return re.sub(r"([\\`*_{}\[\]<>$~|#&]|:(?=[\w/])|^[-+](?=\s))", r"\\\1", text)


def distinct(titles: Mapping[str, str]) -> dict[str, str]:
    """Titles by option; those that are there twice get a number, as a menu tells options apart by their words.

    >>> distinct({"a": "US", "b": "US", "c": "ME"})
    {'a': 'US', 'b': 'US (2)', 'c': 'ME'}
    """
    seen: Counter[str] = Counter()
    out = {}
    for option, title in titles.items():
        seen[title] += 1
        out[option] = title if seen[title] == 1 else f"{title} ({seen[title]})"
    return out


def _is_finite(number: float | None) -> bool:
    return number is not None and math.isfinite(number)


def _plain(number: float, decimals: int) -> str:
    text = f"{number:,.{decimals}f}"
    text = _trim(text)
    return "0" if text == "-0" else text.replace("-", "−")


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(number: float, digits: int) -> str:
    """So many significant digits, never in exponent form."""
    if number == 0:
        return "0"
    place = digits - 1 - math.floor(math.log10(abs(number)))
    rounded = round(number, place)
    return _trim(f"{rounded:,.{max(place, 0)}f}").replace("-", "−")


def _scaled(number: float, units: tuple[str, ...]) -> str:
    value, power = abs(number), 0
    while power < len(units) - 1 and value >= 999.5:
        value, power = value / 1000, power + 1
    text = _digits(value, 3) if value < 999.5 else _plain(value, 0)
    return f"{'−' if number < 0 else ''}{text}{units[power]}"
