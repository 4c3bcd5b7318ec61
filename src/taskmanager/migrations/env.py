"""What Alembic runs for each command: the connection comes from `taskmanager.migrate`, which holds the lock."""

from __future__ import annotations

from alembic import context

from taskmanager.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # each revision its own transaction: a re-run goes on behind the last that was finished
    transaction_per_migration=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
