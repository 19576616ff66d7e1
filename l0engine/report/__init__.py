"""A run to hand over: facts and sentences, a script that repeats it, files for others, and all of it in one archive."""
