"""Calibrate and Results: the form, the live view, what came out."""
