"""Lessons: small demonstrations that the engine computes in a moment, asked for by settings, answered by pictures of arrays."""
