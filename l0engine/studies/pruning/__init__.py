"""Networks that keep only the weights worth their price."""
