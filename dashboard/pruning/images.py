"""Uploaded images: checked in a process of their own, and kept."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from l0engine.io.guarded import images_guarded
from l0engine.jobs.problems import default_root


def keep(name: str, content: bytes) -> str:
    """Parse uploaded images in a guarded child process and keep them, once for the same content; their path.

    Raises
    ------
    ProblemError
        A sentence that names file, place and remedy.
    """
    kept = _folder() / f"{hashlib.sha256(content).hexdigest()}.npz"
    note = kept.with_suffix(".json")
    if not note.exists():
        _folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            raw = Path(scratch, f"{Path(name.replace(chr(92), '/')).stem[:60] or 'images'}.npz")
            raw.write_bytes(content)
            images_guarded(raw, kept)
        note.write_text(json.dumps({"title": Path(name).name[:60]}))
    return str(kept)


def uploaded() -> dict[str, str]:
    """Uploaded images: path, title; newest first."""
    notes = sorted(_folder().glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
    return {str(note.with_suffix(".npz")): json.loads(note.read_text())["title"] for note in notes}


def _folder() -> Path:
    return default_root() / "images"
