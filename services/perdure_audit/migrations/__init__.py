"""The migrations of the record's database (alembic)."""
