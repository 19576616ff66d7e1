"""What happens on a fixed or shrinking set of households: raking, elimination, relaxation, exchange, goals."""
