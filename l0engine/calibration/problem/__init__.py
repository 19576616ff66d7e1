"""The problem: targets and households, what is checked before a fit, losses, and the system that solvers want."""

from l0engine.calibration.problem.problem import Problem

__all__ = ["Problem"]
