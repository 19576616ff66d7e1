"""The linear model where users of l0-python look for it; its home is `sparse_linear`."""

from l0engine.sparse_linear.estimator import SparseL0Linear

__all__ = ["SparseL0Linear"]
