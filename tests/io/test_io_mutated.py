"""Files that are almost right: read as they say or refused in a sentence, at once, and nobody dies of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mutants
import pytest
from further import further

from l0engine.errors import ProblemError
from l0engine.io import load_problem, upload_guarded

HERE = Path(__file__).parent.parent


def _tried(first: int, last: int) -> Iterator[dict]:
    out = subprocess.run([sys.executable, HERE / "mutants.py", str(first), str(last)], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    assert out.returncode == 0, (lines[-1], out.stderr[-2000:])
    yield from (line for line in lines if "kind" in line)


@pytest.mark.parametrize("first, last", [(0, 54), *further((54, 2000))])
def test_mutated_files_are_read_as_they_say_or_refused(first, last):
    tried = list(_tried(first, last))
    assert len(tried) == last - first
    for one in tried:
        assert one["right"], one
        assert one["code"] == bool(one["said"]), one
        assert one["seconds"] < 2 and one["bytes"] < 2 * one["size"] + 200e6, one
        if one["said"]:
            assert one["said"].endswith(".") and ": " in one["said"] and "\n" not in one["said"] and one["said"] in one["command"], one
    assert len({one["kind"] for one in tried if one["said"]}) == len(mutants.seeds())


@pytest.mark.parametrize("numbers", [(0, 13), *further(range(14, 75))])
def test_the_page_survives_what_the_command_line_survives(numbers, tmp_path):
    """The child says what `load_problem` says, and no child breaks."""
    for number in numbers:
        _, files = mutants.mutant(number)
        for name, content in files.items():
            (tmp_path / str(number)).mkdir(exist_ok=True)
            (tmp_path / str(number) / name).write_bytes(content)
        here = there = ""
        try:
            load_problem(tmp_path / str(number))
        except ProblemError as refused:
            here = str(refused)
        try:
            upload_guarded(files, tmp_path / f"{number} out")
        except ProblemError as refused:
            there = str(refused)
        assert bool(here) == bool(there) and "broke the reader" not in there, (number, here, there)
