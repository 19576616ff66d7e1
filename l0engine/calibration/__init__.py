"""Sparse survey calibration: problem, settings, fit, refit, measures."""
