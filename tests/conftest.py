"""Shared by all tests; that it stands here also puts `oracles` on the path."""
