"""Frontier and sweeps."""
