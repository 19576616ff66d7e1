"""A recipe from the tables alone: what each table and each column may be."""
