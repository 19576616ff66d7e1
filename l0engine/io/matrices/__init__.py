"""Matrices from files: MatrixMarket, NPZ, tables long and wide, ordered problems; checked before SciPy builds them."""
