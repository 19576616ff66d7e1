"""Linear regression with a gate on each coefficient."""

from l0engine.sparse_linear.estimator import SparseL0Linear

__all__ = ["SparseL0Linear"]
