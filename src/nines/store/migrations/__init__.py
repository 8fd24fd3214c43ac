"""Alembic migrations of the records; run by `Store.open`."""
