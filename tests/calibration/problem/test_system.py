"""The scaled system refuses what no fit can answer."""

import pytest

from l0engine.calibration.config import Config
from l0engine.calibration.problem.problem import Problem
from l0engine.calibration.problem.system import ScaledSystem
from l0engine.errors import ProblemError


def test_totals_that_are_all_0_are_refused_where_nothing_fixes_the_size():
    """Means and shares alone: no weights at all meet them."""
    problem = Problem.create([[1.0, -1.0], [2.0, -3.0]], [0.0, 0.0], scales=[10.0, 10.0])
    with pytest.raises(ProblemError, match="keeping nobody meets them; add a total"):
        ScaledSystem.build(problem, Config())
    assert ScaledSystem.build(problem, Config(total="exact")).shape == (3, 2)
