"""The households that gates and elimination keep, refitted: what relaxation and exchange add, and what they cost on targets held out."""

from __future__ import annotations

from l0engine.calibration.frontier.references import gated
from l0engine.calibration.frontier.references.method import Case, Choice


def choose(case: Case) -> Choice:
    """Those of `gated`, as the start of a refit."""
    return gated.choose(case)._replace(refit=True)
