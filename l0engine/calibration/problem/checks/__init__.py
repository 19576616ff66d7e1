"""What the preflight looks for, a function a kind of finding."""

from l0engine.calibration.problem.checks.kinds import CARRIED, CHECKS, FAR, THIN

__all__ = ["CARRIED", "CHECKS", "FAR", "THIN"]
