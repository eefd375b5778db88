"""Alembic's environment; `infra/migrate.py` hands over the open connection."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=context.config.attributes.get("target_metadata"),
    # Our SQLite connections begin real transactions, so a migration cut off in the middle leaves nothing
    # behind.
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
