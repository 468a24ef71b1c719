"""What people do to records: correct, confirm, reject. Every change leaves who, when, from what, why."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import sqlalchemy as sa

from schemas.document import Check, CheckResult, DocumentStatus, FieldStatus, FieldValue
from schemas.errors import NotAllowedNow, NotFound, WrongUse
from storage.audit.chain import append
from storage.catalogue import tables as t
from storage.catalogue.batches import known_batch
from storage.catalogue.changes import WAITING, add_history, field_values, lock, touch
from storage.catalogue.database import Database, insert
from storage.catalogue.documents import listed, load, load_one, resolve
from storage.catalogue.events import add_event
from storage.catalogue.find import index_documents
from storage.catalogue.numbering import give_codes
from storage.catalogue.rows import DocumentRow, HistoryRow
from storage.codes import Coding


class Review(Database):
    """Each method that changes takes `expected_revision`: the `revision` of the record the person looked
    at. When somebody else changed it meanwhile, ChangedMeanwhile is raised and nothing is written. None:
    do not ask."""

    def review_list(
        self, batch: str | None = None, limit: int | None = None, offset: int = 0
    ) -> list[DocumentRow]:
        """Records that wait for a person."""
        with self.read() as connection:
            if batch is not None:
                known_batch(connection, batch)
            ids = connection.scalars(
                listed(batch=batch, status=DocumentStatus.REVIEW).limit(limit).offset(offset)
            ).all()
            return load(connection, ids)

    def set_field(
        self,
        document: str,
        name: str,
        value: str | None,
        *,
        who: str,
        why: str = "",
        printed: str | None = None,
        checks: Sequence[str] = (),
        all_checks: Sequence[Check] | None = None,
        validity: tuple[str | None, str | None] | None = None,
        expected_revision: int | None = None,
    ) -> DocumentRow:
        """A person's value. `value` as normalised, `printed` as it stands on paper when that was misread too,
        `checks` the codes of checks that it still fails, `all_checks` the checks of the whole record with this value,
        `validity` the ISO days between which it is then in force.

        A record that was checked already needs a reason (`why`). Raises NotFound, WrongUse, NotAllowedNow for
        a rejected record, ChangedMeanwhile.
        """
        value = unicodedata.normalize("NFC", value).strip() or None if value is not None else None
        with self.write() as connection:
            row = _editable(connection, document, who, expected_revision)
            if row["status"] in (DocumentStatus.CHECKED, DocumentStatus.ARCHIVED) and not why.strip():
                raise WrongUse("changing a checked record needs a reason")
            before = load_one(connection, row["id"]).fields.get(name)
            changes = {
                "value": value,
                "confidence": 1.0,
                "status": FieldStatus.CONFIRMED
                if before and before.value == value
                else FieldStatus.CORRECTED,
                "source": f"person:{who}",
                "checks": list(checks),
            }
            if printed is not None:
                changes["printed"] = unicodedata.normalize("NFC", printed)
            after = (before or FieldValue(value=None)).model_copy(update=changes)
            _write_field(connection, row["id"], name, before, after, who, why)
            if all_checks is not None:
                _write_checks(connection, row["id"], all_checks)
            touch(
                connection, row["id"], **dict(zip(("valid_from", "valid_to"), validity or (), strict=False))
            )
            index_documents(connection, [row["id"]])
            return load_one(connection, row["id"])

    def confirm_field(
        self, document: str, name: str, *, who: str, expected_revision: int | None = None
    ) -> DocumentRow:
        """A person agrees with the value, or that there is none on the paper."""
        with self.write() as connection:
            row = _editable(connection, document, who, expected_revision)
            before = load_one(connection, row["id"]).fields.get(name)
            if before is None:
                raise NotFound(f"field {name} of document {row['id']}")
            _confirm(connection, row["id"], name, before, who)
            touch(connection, row["id"])
            return load_one(connection, row["id"])

    def set_checks(
        self, document: str, checks: Sequence[Check], *, who: str, expected_revision: int | None = None
    ) -> DocumentRow:
        """Results of checking the record again, after a correction."""
        with self.write() as connection:
            row = _editable(connection, document, who, expected_revision)
            _write_checks(connection, row["id"], checks)
            append(connection, who, "checks_set", row["id"])
            touch(connection, row["id"])
            return load_one(connection, row["id"])

    def confirm_document(
        self,
        document: str,
        *,
        who: str,
        confirm_waiting: bool = False,
        coding: Coding | None = None,
        expected_revision: int | None = None,
    ) -> DocumentRow:
        """A person says that the record is right; it becomes CHECKED and, with `coding`, gets its codes.

        `confirm_waiting`: agree with every field that still waits and pass over failed checks, knowingly.
        Without it NotAllowedNow names them.
        """
        with self.write() as connection:
            row = _editable(connection, document, who, expected_revision)
            if row["status"] == DocumentStatus.ARCHIVED:
                raise NotAllowedNow(f"document {row['id']} is archived")
            now_standing = load_one(connection, row["id"])
            waiting = [name for name, field in now_standing.fields.items() if field.status in WAITING]
            failed = [c.code for c in now_standing.checks if c.result is CheckResult.FAILED]
            if (waiting or failed) and not confirm_waiting:
                raise NotAllowedNow(f"fields: {', '.join(waiting)}; failed checks: {', '.join(failed)}")
            for name in waiting:
                _confirm(connection, row["id"], name, now_standing.fields[name], who)
            touch(connection, row["id"], status=DocumentStatus.CHECKED, confirmed_by=who)
            add_event(connection, who, "document_confirmed", row["id"], fields=waiting, failed_checks=failed)
            if coding is not None:
                give_codes(connection, [row["id"]], coding, who)
            index_documents(connection, [row["id"]])
            return load_one(connection, row["id"])

    def reject_document(
        self, document: str, *, who: str, reason: str, expected_revision: int | None = None
    ) -> DocumentRow:
        """A person says that this is not a record. Its pages stay accounted for; its numbers stay in the
        book."""
        if not reason.strip():
            raise WrongUse("rejecting needs a reason")
        with self.write() as connection:
            row = _editable(connection, document, who, expected_revision)
            touch(connection, row["id"], status=DocumentStatus.REJECTED, reason=reason)
            index_documents(connection, [row["id"]])
            add_event(connection, who, "document_rejected", row["id"], reason=reason)
            return load_one(connection, row["id"])

    def history(self, document: str) -> list[HistoryRow]:
        """Every change of a field since it was first read, oldest first."""
        h = t.field_history.c
        with self.read() as connection:
            rows = connection.execute(
                sa.select(*(c for c in h if c.name not in ("id", "handwritten")))
                .where(h.document == resolve(connection, document))
                .order_by(h.id)
            )
            return [HistoryRow(**row) for row in rows.mappings()]


def _editable(
    connection: sa.Connection, document: str, who: str, expected_revision: int | None
) -> sa.RowMapping:
    if not who.strip():
        raise WrongUse("a change needs to say who makes it")
    row = lock(connection, document, expected_revision)
    if row["status"] == DocumentStatus.REJECTED:
        raise NotAllowedNow(f"document {row['id']} is rejected")
    return row


def _write_checks(connection: sa.Connection, document: str, checks: Sequence[Check]) -> None:
    connection.execute(t.document_checks.delete().where(t.document_checks.c.document == document))
    if checks:
        connection.execute(
            t.document_checks.insert(),
            [{"document": document, "position": i, **check.model_dump()} for i, check in enumerate(checks)],
        )


def _confirm(connection: sa.Connection, document: str, name: str, before: FieldValue, who: str) -> None:
    changes = {"status": FieldStatus.CONFIRMED, "confidence": 1.0, "source": f"person:{who}", "checks": []}
    _write_field(connection, document, name, before, before.model_copy(update=changes), who, "")


def _write_field(
    connection: sa.Connection,
    document: str,
    name: str,
    before: FieldValue | None,
    after: FieldValue,
    who: str,
    why: str,
) -> None:
    f = t.fields.c
    if before is None:
        last = connection.scalar(sa.select(sa.func.max(f.position)).where(f.document == document))
        position = 0 if last is None else last + 1
    else:
        position = connection.scalar(sa.select(f.position).where(f.document == document, f.name == name))
    values = field_values(document, name, position, after)
    connection.execute(
        insert(connection, t.fields)
        .values(**values)
        .on_conflict_do_update(index_elements=["document", "name"], set_=values)
    )
    add_history(connection, document, name, before, after, who, why)
    # The values stand in the history; the chain says that they were changed, by whom and why.
    append(connection, who, "field_changed", document, why, {"field": name})
