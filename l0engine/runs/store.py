"""The store, where earlier versions had it."""

from l0engine.jobs.store import Store, default_root

__all__ = ["Store", "default_root"]
