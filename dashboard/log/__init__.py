"""A calibration log: a run of another program, looked at."""
