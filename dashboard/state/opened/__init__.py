"""What is open: the problem, run, point or study that is looked at, what is known of it, and what the next run goes out from."""
