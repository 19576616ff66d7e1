"""Everything that takes more than a moment: a store of problems and runs, a queue, and the processes that carry runs out."""
