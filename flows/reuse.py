"""Uses a record for a dossier instead of asking for the paper again (NĐ 45/2020 Đ4; NQ 66.7/2025), and says who did so when,
for what and under which right: indicator 4.3 of QĐ 766/QĐ-TTg is counted from it.

The sao y that may go with it takes the one path there is for it (`flows.copies.true_copy`, DESIGN decision 2).
"""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa

from flows.copies import true_copy
from flows.copies_desk import CopyDesk
from flows.people import require, require_document, unit_of
from flows.review import Desk
from flows.search import kinds_without_limit
from schemas.copies import HeldAs, Requester, TrueCopyRequest
from schemas.errors import ObjectDamaged, WrongUse
from schemas.people import Actor, Right
from schemas.reuse import CopyWanted, Reuse, ReuseCounts, Reused
from schemas.reuse_errors import NotEntitled, NotReusable
from schemas.signing import Product
from schemas.zone import VIETNAM
from storage.catalogue import DocumentRow
from storage.catalogue.documents import load_one
from storage.catalogue.events import now
from storage.codes import parse_dossier_code
from storage.fold import fold_words
from storage.people import Units
from storage.register.rows import local
from storage.reuse import Reuses, reuse_id
from storage.search import reusable

PURPOSE_MAX = 500


def reuse(
    desk: Desk | CopyDesk, actor: Actor, document: str, dossier: str, purpose: str, *, copy: CopyWanted | None = None
) -> Reused:
    """Writes down that this record serves this dossier; the same again is the same reuse. A `copy` needs a CopyDesk.

    Raises WrongUse (dossier code, empty purpose), NotFound, NotAllowed, NotReusable with the reason, ObjectDamaged,
    NotEntitled, and as `flows.copies.true_copy`.
    """
    dossier = parse_dossier_code(dossier).text
    purpose = " ".join(purpose.split())
    if not fold_words(purpose) or len(purpose) > PURPOSE_MAX:
        raise WrongUse(f"mục đích: từ 1 đến {PURPOSE_MAX} ký tự")
    catalogue, ledger = desk.catalogue, Reuses(desk.catalogue)
    row = catalogue.document(document)
    require_document(catalogue, actor, Right.REUSE, row.id)
    if copy is not None:
        _must_be_entitled(desk, actor, row, copy)
    standing = ledger.found(reuse_id(row.id, dossier, purpose))
    if standing is None:
        _must_be_whole(desk, row)
        standing, new = ledger.record(
            _use(row, actor, dossier, purpose), who=actor.who, allowed=lambda held: _must_be_usable(held, row)
        )
    else:
        new = False
    return Reused(
        reuse=standing, new=new, copy_issued=_issued(desk, standing, copy) if copy is not None else None
    )


def reuse_counts(desk: Desk | CopyDesk, actor: Actor, first: date, last: date, unit: str = "") -> ReuseCounts:
    """Raw counts of indicator 4.3 for the days `first` to `last`, both included. Raises WrongUse, NotAllowed."""
    if last < first:
        raise WrongUse(f"{first} … {last}")
    require(actor, Right.REPORT, unit or None)
    return Reuses(desk.catalogue).counts(first, last, unit)


# --- may it be used --------------------------------------------------------------------------------------------------
def _must_be_usable(connection: sa.Connection, row: DocumentRow) -> None:
    """Asked with the record held: what was revoked or changed a moment ago is not used."""
    standing = load_one(connection, row.id)
    may, reason = reusable(standing, datetime.now(VIETNAM).date(), kinds_without_limit())
    if not may:
        raise NotReusable(f"{row.id}: {reason}")
    if standing.version != row.version:
        raise NotReusable(f"{row.id}: vừa có phiên bản V{standing.version}; làm lại")


def _must_be_whole(desk: Desk | CopyDesk, row: DocumentRow) -> None:
    if row.archive is None:
        return  # not archived: refused with the reason when it is asked for
    found = desk.store.verify(row.archive.key, row.archive.version)
    if found.sha256 != row.archive.sha256:
        raise ObjectDamaged(row.archive.key)


def _use(row: DocumentRow, actor: Actor, dossier: str, purpose: str) -> Reuse:
    return Reuse(
        id=reuse_id(row.id, dossier, purpose),
        document=row.id,
        version=row.version,
        sha256=row.archive.sha256 if row.archive else "",
        dossier=dossier,
        purpose=purpose,
        actor=actor.id,
        actor_name=actor.name,
        unit=actor.unit or "",
        right=str(Right.REUSE),
        via=actor.via,
        at=local(now()),
    )


# --- the copy with it ------------------------------------------------------------------------------------------------
def _must_be_entitled(desk: Desk | CopyDesk, actor: Actor, row: DocumentRow, copy: CopyWanted) -> None:
    """NĐ 30/2020 Đ25, Đ27: the office that issued a văn bản (it keeps the bản gốc) or holds a bản chính copies it, by whoever
    operates its key. What other offices keep, and a bản sao y, is not copied here."""
    if not isinstance(desk, CopyDesk):
        raise WrongUse("a copy needs the office's keys")
    unit, _ = unit_of(desk.catalogue, row.id)
    require(actor, Right.REGISTER, unit)
    if copy.held_as is HeldAs.TRUE_COPY:
        raise NotEntitled(f"{row.id}: từ bản sao y chỉ lập được sao lục; dùng sohoa copy true --kind sl")
    if actor.unit and unit and unit not in Units(desk.catalogue).reach(actor.unit):
        raise NotEntitled(f"{row.id}: thuộc đơn vị khác đang lưu giữ")
    if copy.held_as is HeldAs.ORIGINAL and not _issued_here(desk, row):
        raise NotEntitled(f"{row.id}: bản gốc lưu ở cơ quan ban hành; cơ quan này giữ bản chính thì ghi ban_chinh")


def _issued_here(desk: CopyDesk, row: DocumentRow) -> bool:
    """The agency that the paper names is this office, under its name of today or an older one."""
    printed = row.fields.get("co_quan_ban_hanh")
    if printed is None or not printed.value:
        return False
    units = Units(desk.catalogue)
    ours = {desk.settings.office.name}
    for unit in units.find(desk.settings.office.code or desk.settings.office.name):
        ours |= set(units.names_of(unit.id))
    return fold_words(printed.value) in {fold_words(name) for name in ours}


def _issued(desk: CopyDesk, use: Reuse, copy: CopyWanted):
    """The key of the request is the reuse itself: the same call again gives the same copy, under the same number."""
    request = TrueCopyRequest(
        request_key=f"reuse/{use.id}",
        product=Product.TRUE_COPY,
        document=use.document,
        held_as=copy.held_as,
        requester=Requester(name=copy.requester),
        original=copy.original,
        note=f"Hồ sơ {use.dossier}",
    )
    return true_copy(desk, request)

