"""Whether a record is in force: from its dates and from what people recorded about it. Revoked, replaced and expired
records stay findable and say why (NĐ 45/2020/NĐ-CP Đ14); only what is in force may be used again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from schemas.document import DocumentStatus
from schemas.errors import NotAllowedNow, WrongUse
from schemas.zone import VIETNAM
from storage.catalogue import tables as t
from storage.catalogue.changes import lock, touch
from storage.catalogue.database import Database
from storage.catalogue.documents import load_one, resolve
from storage.catalogue.events import add_event, now
from storage.catalogue.rows import DocumentRow
from storage.search.index import index_documents
from storage.search.query import Validity
from storage.search.tables import validity_acts

REVOKED, REPLACED, IN_FORCE = "revoked", "replaced", "in_force"
_USABLE = (DocumentStatus.CHECKED, DocumentStatus.ARCHIVED)


@dataclass(frozen=True)
class Act:
    """What is recorded about the validity of a record.

    revoked; replaced (`replaced_by` names the record that stands instead); in_force (`until` a day, or without limit:
    also takes back an earlier act).
    """

    state: str
    why: str
    source: str
    """The paper or decision that says so."""
    until: date | None = None
    replaced_by: str | None = None


@dataclass(frozen=True)
class ActRow:
    """An act as recorded."""

    id: int
    document: str
    state: str
    until: str | None
    replaced_by: str | None
    why: str
    source: str
    who: str
    at: datetime


def validity_of(row: DocumentRow, today: date, without_limit: frozenset[str] = frozenset()) -> Validity:
    """State on a day. `without_limit`: kinds of paper whose validity never ends (from the forms)."""
    until = row.validity_until or (None if row.validity_state == IN_FORCE else row.valid_to)
    endless = row.validity_state == IN_FORCE or row.type in without_limit
    return derived(row.validity_state, row.valid_from, until, endless, today)


def derived(state: str | None, begins: str | None, ends: str | None, endless: bool, today: date) -> Validity:
    """`ends`: the day that counts, acts considered. No such day may mean "for ever" or "not read"."""
    day = today.isoformat()
    if state in (REVOKED, REPLACED):
        return Validity(state)
    if begins and begins > day:
        return Validity.NOT_YET
    if ends:
        return Validity.EXPIRED if ends < day else Validity.IN_FORCE
    return Validity.IN_FORCE if endless else Validity.UNKNOWN


def why(row: DocumentRow, today: date, without_limit: frozenset[str] = frozenset()) -> str:
    """The reason of that state in a sentence, Vietnamese."""
    state = validity_of(row, today, without_limit)
    reason = f": {row.validity_reason}" if row.validity_reason else ""
    day = f"{row.validity_changed.astimezone(VIETNAM):%d/%m/%Y}" if row.validity_changed else ""
    if state is Validity.REVOKED:
        return f"Đã bị thu hồi, huỷ bỏ (ghi nhận ngày {day}){reason}."
    if state is Validity.REPLACED:
        return f"Đã được thay thế bằng {row.replaced_by} (ghi nhận ngày {day}){reason}."
    if state is Validity.NOT_YET:
        return f"Chưa đến ngày có hiệu lực {_day(row.valid_from)}."
    until = row.validity_until or (None if row.validity_state == IN_FORCE else row.valid_to)
    if state is Validity.EXPIRED:
        return f"Hết hiệu lực từ sau ngày {_day(until)}{reason}."
    if state is Validity.IN_FORCE:
        return (
            f"Còn hiệu lực đến hết ngày {_day(until)}{reason}."
            if until
            else f"Còn hiệu lực, không thời hạn{reason}."
        )
    return "Chưa rõ thời hạn hiệu lực: giấy không ghi hoặc chưa đọc được; ghi nhận bằng sohoa validity."


def reusable(row: DocumentRow, today: date, without_limit: frozenset[str] = frozenset()) -> tuple[bool, str]:
    """Whether a record may be used again instead of the paper, and why not (Vietnamese)."""
    if row.status not in _USABLE:
        return False, "Dữ liệu chưa được kiểm tra xong."
    if validity_of(row, today, without_limit) is not Validity.IN_FORCE:
        return False, why(row, today, without_limit)
    return True, ""


def record_act(
    catalogue: Database, document: str, act: Act, *, who: str, expected_revision: int | None = None
) -> DocumentRow:
    """Writes an act down; the newest one counts. Raises NotFound, WrongUse, NotAllowedNow for a rejected record or one
    that would replace itself in a circle, ChangedMeanwhile."""
    if not (who.strip() and act.why.strip() and act.source.strip()):
        raise WrongUse("an act on validity needs who, why and its source")
    if act.state not in (REVOKED, REPLACED, IN_FORCE) or (act.state == REPLACED) != bool(act.replaced_by):
        raise WrongUse(f"act on validity: {act.state}, replaced by {act.replaced_by}")
    with catalogue.write() as connection:
        row = lock(connection, document, expected_revision)
        if row["status"] == DocumentStatus.REJECTED:
            raise NotAllowedNow(f"document {row['id']} is rejected")
        successor = resolve(connection, act.replaced_by) if act.replaced_by else None
        if successor:
            _no_circle(connection, row["id"], successor)
        until = act.until.isoformat() if act.until and act.state == IN_FORCE else None
        at = now()
        connection.execute(
            validity_acts.insert().values(
                document=row["id"], state=act.state, until=until, replaced_by=successor, why=act.why.strip(),
                source=act.source.strip(), who=who, at=at,
            )
        )  # fmt: skip
        touch(
            connection,
            row["id"],
            validity_state=act.state,
            validity_until=until,
            validity_reason=f"{act.why.strip()} ({act.source.strip()})",
            validity_changed=at,
            replaced_by=successor,
        )
        index_documents(connection, [row["id"]])
        add_event(connection, who, "validity_recorded", row["id"], state=act.state, until=until,
                  replaced_by=successor, why=act.why.strip(), source=act.source.strip())  # fmt: skip
        return load_one(connection, row["id"])


def acts(catalogue: Database, document: str) -> list[ActRow]:
    """All that was recorded about the validity of a record, oldest first."""
    a = validity_acts.c
    with catalogue.read() as connection:
        query = sa.select(validity_acts).where(a.document == resolve(connection, document)).order_by(a.id)
        return [ActRow(**row) for row in connection.execute(query).mappings()]


def _no_circle(connection: sa.Connection, document: str, successor: str) -> None:
    d, following, seen = t.documents.c, successor, {document}
    while following:
        if following in seen:
            raise NotAllowedNow(f"document {document} would be replaced by itself")
        seen.add(following)
        following = connection.scalar(sa.select(d.replaced_by).where(d.id == following))


def _day(iso: str | None) -> str:
    return f"{iso[8:]}/{iso[5:7]}/{iso[:4]}" if iso else "…"
