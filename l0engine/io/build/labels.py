"""Labels of categories: when two are the same, and which come near."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

import numpy as np

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_DIGITS = re.compile(r"\d+")
#: Candidates for a label are looked for among so many.
_MOST_LOOKED_AT = 5000
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def key(label: str) -> str:
    """What equal labels have in common: case, spaces, the form of accents and dashes do not count, nor does '.0' after a number."""
    text = " ".join(unicodedata.normalize("NFC", label).translate(_DASHES).casefold().split())
    return f"{float(text):.15g}" if _NUMBER.fullmatch(text) and not _has_leading_zero(text) else text


def matched(published: Sequence[str], own: Sequence[str], same: Mapping[str, str]) -> np.ndarray:
    """For each published label the position of the own one, or -1, shape (n_published,).

    As a person said; else the equal one; else the only one with the same `key`; else the only one equal but for leading zeros.
    """
    exact = {label: i for i, label in enumerate(own)}
    said = {key(a): b for a, b in same.items()}
    meant = [said.get(key(label), label) for label in published] if said else published
    out = np.array([exact.get(label, -1) for label in meant], np.int64)
    for form in (key, _without_zeros):
        open_ = np.flatnonzero(out < 0).tolist()
        positions = _only(own, form) if open_ else {}
        for i in open_:
            out[i] = positions.get(form(meant[i]), -1)
    return out


def nearest(label: str, own: Sequence[str]) -> tuple[str, ...]:
    """The three own labels that look most like it, best first; where there are numbers in it, they must be the same."""
    numbers, text = _DIGITS.findall(label), key(label)
    by_key = {key(o): o for o in own[:_MOST_LOOKED_AT] if _DIGITS.findall(o) == numbers}
    cutoff = 0.0 if numbers and len(by_key) <= 3 else 0.5
    return tuple(by_key[k] for k in get_close_matches(text, by_key, cutoff=cutoff))


def _only(own: Sequence[str], form: Callable[[str], str]) -> dict[str, int]:
    """Positions by a form of the label, of those that share it with no other."""
    out: dict[str, int] = {}
    for i, label in enumerate(own):
        text = form(label)
        out[text] = -1 if text in out else i
    return {k: i for k, i in out.items() if i >= 0}


def _has_leading_zero(text: str) -> bool:
    return len(text) > 1 and text[0] == "0" and text[1].isdigit()


def _without_zeros(label: str) -> str:
    text = key(label)
    return text.lstrip("0") or "0" if text.isdigit() else text
