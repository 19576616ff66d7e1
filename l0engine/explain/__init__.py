"""Why these households, why these weights, what was missed, and what anything would cost: answers in numbers and sentences."""
