"""How the tables of the journal came to be: one file in `versions` for each change, run by alembic."""
