"""Sweeps, where earlier versions had them."""

from l0engine.jobs.sweeps import grid, sweep

__all__ = ["grid", "sweep"]
