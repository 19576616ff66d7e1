"""Why these weights: verdict, targets, households, conflicts and drift, and the report."""
