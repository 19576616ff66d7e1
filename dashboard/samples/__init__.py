"""Sample gates."""
