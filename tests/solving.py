"""Solvers on plain arrays, on the CPU."""

import numpy as np
import torch
from scipy import sparse as sp

from l0engine.arrays.linear_map import linear_map
from l0engine.calibration.problem.bounds import Bounds
from l0engine.calibration.support.raking import Raking
from l0engine.calibration.support.relaxation import Relaxation
from l0engine.calibration.support.solvers.anchors import Limits
from l0engine.calibration.support.solvers.dual import DualProblem

CPU = torch.device("cpu")


def double(A):
    """A map of a matrix in double precision."""
    return linear_map(sp.csc_array(A, dtype=np.float64), CPU, torch.float64)


def limits(low=0.0, high=np.inf):
    return Limits.of(Bounds(low, high), CPU)


def raking(A, b, g, **how):
    return Raking(double(A), b, g, **how)


def rake(A, b, g, mu, *, upper=None, price=None):
    """Raked weights for one softness."""
    return raking(A, b, g, bounds=Bounds(0.0, np.inf if upper is None else upper), price=price).weights(mu)


def dual_problem(A, b):
    return DualProblem(double(A), torch.tensor(b))


def relaxation(case):
    return Relaxation(double(case.A), case.b, case.hardness, case.upper)
