"""Shelves: what a store keeps, by what it is; `store.Store` has them all."""
