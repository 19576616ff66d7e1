"""What computes the pictures of lessons: pure functions of their settings, by the engine."""
