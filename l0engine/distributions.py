"""The distribution of the gates where users of l0-python look for it; its home is `hard_concrete`."""

from l0engine.hard_concrete import HardConcrete

__all__ = ["HardConcrete"]
