"""The report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from l0engine.report.sections import Section


def markdown(title: str, parts: Sequence[Section]) -> str:
    """Words and tables of all sections."""
    out = [f"# {_safe(title)}"]
    for part in parts:
        out.append(f"## {part.title}")
        paragraphs = [w if w.startswith("```") else _safe(w) for w in part.words]
        for i, words in enumerate(paragraphs):  # items of a list follow each other
            joined = i and words.startswith("- ") and paragraphs[i - 1].startswith("- ")
            out[-1:] = [f"{out[-1]}\n{words}"] if joined else [out[-1], words]
        if part.table is not None:
            out.append(_table(part.table))
    return "\n\n".join(out) + "\n"


def _table(frame: pd.DataFrame) -> str:
    lines = [[str(c) for c in frame.columns], ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(_safe(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def _safe(text: str) -> str:
    """A text whose names from outside Markdown leaves as they are; `**` and code in backticks stay marks of ours."""
    return re.sub(r"([\[\]<>~_]|(?<!\*)\*(?!\*))", r"\\\1", text)
