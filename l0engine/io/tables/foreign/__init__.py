"""Tables of other programs, as columns of text and numbers."""
