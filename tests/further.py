"""What a release is held to, beyond what every run of the suite looks at."""

from __future__ import annotations

from typing import Any

import pytest


def further(*values: Any) -> list[Any]:
    """More values of a parametrisation (tuples where it has several names): run by `pytest -m slow`."""
    return [pytest.param(*(v if isinstance(v, tuple) else (v,)), marks=pytest.mark.slow) for v in values]
