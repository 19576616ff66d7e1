"""The problem: its facts, and what was found on checking it."""
