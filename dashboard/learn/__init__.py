"""Learn: lessons that move, computed by the engine while one looks."""
