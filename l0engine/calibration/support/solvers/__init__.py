"""Solvers that know matrices and limits, not households: brief least squares, and Newton in the dual with its anchors."""
