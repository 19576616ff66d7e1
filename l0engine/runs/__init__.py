"""Runs as processes: a store they all share, the worker that carries out one, the supervisor that starts them."""
