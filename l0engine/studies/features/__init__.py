"""Columns of a table that predict another one."""
