"""A problem made of tables: files, the survey, definitions of targets, and what came out."""
