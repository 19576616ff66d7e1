"""Kills at every moment: no store is corrupt, nothing recorded is lost, and what is taken up again ends with the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from l0engine.machine import environment

KILLED = Path(__file__).with_name("killed.py")


def killed(home: Path, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, str(KILLED), str(home), *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **environment(1)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_kills_at_writes_flushes_renames_and_commits(tmp_path):
    found = killed(tmp_path, "points", 120)
    assert found["wrong"] == {} and found["killed"] > 4


@pytest.mark.slow
def test_a_kill_at_every_write_flush_rename_and_commit(tmp_path):
    found = killed(tmp_path, "points", 1)
    assert found["wrong"] == {} and found["killed"] == found["of"] > 150


@pytest.mark.slow
def test_three_hundred_kills_at_random(tmp_path):
    found = killed(tmp_path, "random", 300, 1)
    assert found["wrong"] == {} and found["killed"] >= 300


@pytest.mark.slow
def test_fifty_servers_killed_at_random(tmp_path):
    found = killed(tmp_path, "servers", 50, 1)
    assert found["wrong"] == {} and found["begun"] == found["jobs"]
