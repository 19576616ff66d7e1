"""What running a fit without one target came to, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.results.rerun import compared
from l0engine.calibration.results import Measures

OWN = Measures(35, 0.1, 0.02, 1.0, 4.0, 1.2, 7.0, 2.0, 0.3)


@pytest.mark.parametrize(("ess", "said"), [(27.86, "−1"), (28.4, "−1"), (29.2, "+0"), (30.6, "+2")])
def test_the_change_is_that_of_the_numbers_which_are_shown(ess, said):
    assert f"changes by **{said}**" in compared(own(29.41), own(ess))


def own(ess: float) -> Measures:
    return replace(OWN, ess=ess)
