"""Alembic's environment and the revisions, shipped inside the wheel."""
