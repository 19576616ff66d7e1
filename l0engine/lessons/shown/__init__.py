"""What each lesson asks and shows: settings and pictures, without what computes them."""
