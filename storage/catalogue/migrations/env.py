"""Entry point of Alembic; the connection, inside its transaction, is handed over by `Database.upgrade`."""

from alembic import context

import storage.audit.tables  # noqa: F401  (its tables belong to the same metadata)
import storage.keeping.tables  # noqa: F401
import storage.outbox  # noqa: F401
import storage.people.tables  # noqa: F401
import storage.plan.tables  # noqa: F401
import storage.register.tables  # noqa: F401
import storage.reuse.tables  # noqa: F401
import storage.search.tables  # noqa: F401
from storage.catalogue.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
