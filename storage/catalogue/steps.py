"""Work that is done once: results by (input, step, version, settings), DESIGN decision 6."""

from __future__ import annotations

import sqlalchemy as sa

from storage.catalogue import tables as t
from storage.catalogue.database import Database, insert
from storage.catalogue.events import now
from storage.catalogue.rows import StepKey, StepResult


class Steps(Database):
    def step_get(self, key: StepKey) -> StepResult | None:
        with self.read() as connection:
            return _find(connection, key)

    def step_put(
        self, key: StepKey, result: dict | list | None = None, *, result_key: str | None = None
    ) -> StepResult:
        """Remember a result. When two workers did the same, the first stands and is returned to both."""
        with self.write() as connection:
            connection.execute(
                insert(connection, t.steps)
                .values(
                    input_hash=key.input_hash,
                    step=key.step,
                    version=key.version,
                    settings_hash=key.settings_hash,
                    result=result,
                    result_key=result_key,
                    made=now(),
                )
                .on_conflict_do_nothing()
            )
            return _find(connection, key)


def _find(connection: sa.Connection, key: StepKey) -> StepResult | None:
    c = t.steps.c
    row = connection.execute(
        sa.select(c.result, c.result_key).where(
            c.input_hash == key.input_hash,
            c.step == key.step,
            c.version == key.version,
            c.settings_hash == key.settings_hash,
        )
    ).first()
    return StepResult(key, row.result, row.result_key) if row else None
