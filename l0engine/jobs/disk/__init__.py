"""The disk of a store: what it refuses, in words; what room there is, and a little held back; what kills leave on it."""
