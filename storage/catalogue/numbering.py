"""Numbers without gaps and the codes made with them (DESIGN decision 7).

A number is taken in the transaction that writes it into the record: when that fails, the number was never
taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from schemas.document import DocumentStatus
from schemas.errors import NotAllowedNow
from storage import codes
from storage.catalogue import tables as t
from storage.catalogue.database import Database, insert
from storage.catalogue.documents import load_one, resolve
from storage.catalogue.events import add_event, now
from storage.catalogue.find import index_documents
from storage.catalogue.rows import DocumentRow
from storage.codes import Coding

NUMBERED = (DocumentStatus.CHECKED, DocumentStatus.ARCHIVED)
"""Order is law: no code before everything in the record has been checked (DESIGN decision 3)."""


class Numbering(Database):
    def assign_codes(self, document_id: str, coding: Coding, who: str = "system") -> DocumentRow:
        """Give a checked record its codes; those that it has stay as they are.

        Raises NotAllowedNow before it is checked, BadSettings when a template cannot be filled.
        """
        with self.write() as connection:
            found = resolve(connection, document_id)
            status = connection.scalar(
                sa.select(t.documents.c.status).where(t.documents.c.id == found).with_for_update()
            )
            if status not in NUMBERED:
                raise NotAllowedNow(f"document {found} is {status}; codes are given after the check")
            give_codes(connection, [found], coding, who)
            return load_one(connection, found)


def give_codes(connection: sa.Connection, ids: Sequence[str], coding: Coding, who: str) -> None:
    """Codes for those of these documents that are checked and lack one, numbered in the order given."""
    d = t.documents.c
    rows = {
        row["id"]: row
        for row in connection.execute(
            sa.select(
                d.id, d.type, d.version, d.doc_code, d.result_code, d.digitised_code, d.dossier_code
            ).where(d.id.in_(ids), d.status.in_(NUMBERED))
        ).mappings()
    }
    ordered = [rows[i] for i in ids if i in rows]
    wanted = Counter(counter for row in ordered for counter in _counters(row, coding).values())
    following = take_numbers(connection, wanted)
    owners = _owners(connection, list(rows), coding)
    changed = []
    for row in ordered:
        values: dict[str, object] = {}
        for column, counter in _counters(row, coding).items():
            number = following[counter]
            following[counter] += 1
            if column == "doc_code":
                field = coding.field_of(row["type"])
                values |= {"code_office": coding.office, "code_field": field, "serial": number}
                version = max(1, row["version"])
                values[column] = codes.doc_code(coding.templates, coding.office, field, number, version)
            else:
                values[column] = codes.result_code(coding.templates, row["dossier_code"], number)
        kind_code = coding.kind_codes.get(row["type"])
        if row["digitised_code"] is None and kind_code:
            values["digitised_code"] = codes.digitised_code(
                coding.templates, owners.get(row["id"]), kind_code
            )
        if values:
            changed.append(row["id"])
            connection.execute(
                t.documents.update()
                .where(d.id == row["id"])
                .values(**values, changed=now(), revision=d.revision + 1)
            )
            given = {k: v for k, v in values.items() if k in ("doc_code", "result_code")}
            add_event(connection, who, "codes_given", row["id"], **given)
    index_documents(connection, changed)


def take_numbers(connection: sa.Connection, wanted: Mapping[str, int]) -> dict[str, int]:
    """The next `wanted[name]` numbers of each counter, as the first of each run; counters begin at 1.

    Taken in name order, so that two transactions that need the same counters wait for each other instead of
    blocking each other.
    """
    first = {}
    for name in sorted(wanted):
        statement = insert(connection, t.counters).values(name=name, value=wanted[name])
        last = connection.scalar(
            statement.on_conflict_do_update(
                index_elements=["name"], set_={"value": t.counters.c.value + wanted[name]}
            ).returning(t.counters.c.value)
        )
        first[name] = last - wanted[name] + 1
    return first


def renumbered_version(row: Mapping, coding: Coding, version: int) -> str:
    """DocCode of a later version of the same record: same number, other PB."""
    return codes.doc_code(coding.templates, row["code_office"], row["code_field"], row["serial"], version)


def _counters(row: Mapping, coding: Coding) -> dict[str, str]:
    """Which counter gives the number of which code that is still missing."""
    found = {}
    if row["doc_code"] is None and coding.office:
        found["doc_code"] = f"doc_code/{coding.office}/{coding.field_of(row['type'])}"
    if row["result_code"] is None and row["dossier_code"]:
        found["result_code"] = f"result/{row['dossier_code']}"
    return found


def _owners(connection: sa.Connection, ids: Sequence[str], coding: Coding) -> dict[str, str]:
    f = t.fields.c
    rows = connection.execute(
        sa.select(f.document, f.name, f.value).where(
            f.document.in_(ids), f.name.in_(coding.owner_fields), f.value.is_not(None)
        )
    ).all()
    by_rank = sorted(rows, key=lambda row: coding.owner_fields.index(row.name), reverse=True)
    return {row.document: row.value for row in by_rank}
