"""Studies: work beside calibration that takes more than a moment, each in a process and a folder of its own."""
