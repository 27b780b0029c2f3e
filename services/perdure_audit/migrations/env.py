"""Runs migrations on the connection that the caller has opened, within its transaction."""

from alembic import context

from perdure_audit.records import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
