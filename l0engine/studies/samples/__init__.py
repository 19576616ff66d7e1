"""Rows of a table that stand for all of them."""
