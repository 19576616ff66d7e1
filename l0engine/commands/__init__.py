"""Subcommands of `python -m l0engine`, one a file: each adds itself to the parser and is called with what was parsed."""
