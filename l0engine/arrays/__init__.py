"""Matrices and what comes in with them: sparse products on a device, plain numbers, counts and axes."""
