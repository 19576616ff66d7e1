"""Board: the best of everyone who took the challenge on this machine, by nickname; a file an entry."""

from __future__ import annotations

import json
import logging
import secrets
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from l0engine.errors import L0Error
from l0engine.io.whole import write_whole
from l0engine.lessons.shown.challenge import Attempt, ChallengeAsk
from l0engine.plain import Plain

#: Longest nickname, and how many entries are kept of one problem.
LONGEST, KEPT = 24, 200

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry(Plain):
    """One answer: who, what was reached, by which settings (`Ask.texts`), and when, in seconds since the epoch."""

    name: str
    kept: int
    median: float
    ess: float
    settings: Mapping[str, str]
    when: float


class Board:
    """Entries below a folder, which is made when the first comes."""

    def __init__(self, root: Path) -> None:
        self._root = root / "challenge"

    def enter(self, name: str, ask: ChallengeAsk, attempt: Attempt) -> Entry:
        """Keep an answer.

        Raises
        ------
        L0Error
            The name is empty, or the attempt does not count.
        """
        plain = nickname(name)
        if not attempt.counts:
            raise L0Error("This attempt does not count yet: bring the median error and the effective sample size within the rules first.")
        entry = Entry(plain, attempt.kept, attempt.median, attempt.ess, ask.texts(), time.time())
        self._root.mkdir(parents=True, exist_ok=True)
        content = json.dumps(entry.to_dict()).encode()
        write_whole(self._root / f"{secrets.token_hex(8)}.json", content)
        for path, _ in self._ranked(ask.seed)[KEPT:]:
            path.unlink(missing_ok=True)
        return entry

    def best(self, seed: int) -> list[Entry]:
        """The best entry of every name at a problem, best first: fewest households, then the lower median error, then the earlier."""
        found: dict[str, Entry] = {}
        for _, entry in self._ranked(seed):
            found.setdefault(entry.name.casefold(), entry)
        return list(found.values())

    def _ranked(self, seed: int) -> list[tuple[Path, Entry]]:
        entries = []
        for path in self._root.glob("*.json"):
            try:
                entries.append((path, Entry.from_dict(json.loads(path.read_bytes()))))
            except (OSError, ValueError, msgspec.ValidationError) as error:
                log.warning("The entry %s cannot be read and is left out: %s", path.name, error)
        here = [e for e in entries if e[1].settings.get("seed") == str(seed)]
        return sorted(here, key=lambda e: (e[1].kept, e[1].median, e[1].when))


def nickname(name: str) -> str:
    """A name as it is kept: one line of visible characters.

    Raises
    ------
    L0Error
        Nothing is left of it, or more than `LONGEST`.
    """
    visible = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFC", name))
    plain = " ".join(visible.split())
    if len(plain) > LONGEST:
        raise L0Error(f"The nickname has {len(plain)} letters: {LONGEST} at most.")
    if not plain:
        raise L0Error("The nickname is empty: type one.")
    return plain
