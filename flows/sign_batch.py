"""Signs a batch of digitised records in the order of the law, file by file, with one approval and one PIN.

    capture -> personal signature of the scanning clerk (TT 01/2023/TT-VPCP Đ8 k1, top left) -> checked, result code ->
    signature of the agency (NĐ 30/2020 PL I; CV 7197, top right) -> archive

Fields for both signatures and all marks stand in the file before the first one; from then on every step is an incremental
update that keeps the bytes before it. A PDF that arrived signed is archived as it came (DESIGN decision 3). Each file is
verified after it was signed and counts only then. Killed anywhere, the same call goes on with what is left.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import pikepdf

from flows.coding import coding_of
from flows.copies_desk import CopyDesk
from flows.locks import lock_of, put_locked
from flows.sign_lanes import OneLane, lanes_for
from ocr.pdfa import has_signature
from schemas.document import DocumentStatus
from schemas.errors import (
    ChangedMeanwhile,
    InputRejected,
    NotAllowedNow,
    ObjectDamaged,
    ObjectMissing,
    OutputInvalid,
    SohoaError,
)
from schemas.signing import Product, Role
from schemas.signing_errors import FieldNotReady, SignedAlready
from schemas.store import ObjectRef, Retention
from signing.sign_prepare import Conversion, prepare
from storage.catalogue import DocumentRow, StepKey
from storage.objects import archive_key, original_key

ORDER = (Role.SCANNER, Role.AGENCY)
_OF_ONE_FILE = (
    InputRejected, OutputInvalid, ObjectMissing, ObjectDamaged, NotAllowedNow, ChangedMeanwhile, SignedAlready, FieldNotReady,
)  # fmt: skip
"""Do not stop the others; what is wrong with the key, the trust or the timestamp would meet every file and is raised."""
_VERSION = "1"


@dataclass
class BatchSigned:
    """What became of the records of a batch; ids only."""

    batch: str
    scanned: list[str] = field(default_factory=list)
    """Got the scanning clerk's signature in this call."""
    archived: list[str] = field(default_factory=list)
    """Got the agency's signature in this call and lie in the archive."""
    as_came: list[str] = field(default_factory=list)
    """Arrived signed and lie in the archive untouched."""
    done_before: list[str] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    """Id -> why it may not be signed yet, Vietnamese."""
    failed: dict[str, SohoaError] = field(default_factory=dict)

    @property
    def needs_person(self) -> bool:
        return bool(self.waiting or self.failed)

    def in_order_of(self, ids: Sequence[str]) -> BatchSigned:
        """Itself, with the records in this order; they came as they were done."""
        place = {id: at for at, id in enumerate(ids)}
        for some in (self.scanned, self.archived, self.as_came, self.done_before):
            some.sort(key=place.__getitem__)
        for some in (self.waiting, self.failed):
            for id in sorted(some, key=place.__getitem__):
                some[id] = some.pop(id)
        return self


SignProgress = Callable[[int, int], None]
"""`told(done, all)` after every file."""


def sign_batch(
    desk: CopyDesk,
    batch: str,
    *,
    approved_by: str,
    roles: Sequence[Role] = ORDER,
    progress: SignProgress | None = None,
) -> BatchSigned:
    """Signs what may be signed in a batch, in these roles; `approved_by` has approved the whole batch once.

    Raises NotFound; WrongUse for a role that does not sign here; the errors of keys, trust and timestamps: what was signed
    before stays signed, and the same call goes on.
    """
    catalogue = desk.catalogue
    batch = catalogue.batch(batch).id
    rows = [row for row in catalogue.documents(batch) if row.status is not DocumentStatus.REJECTED]
    roles = [role for role in ORDER if role in roles]
    moment = desk.moment()
    for role in roles:  # one look at each key before anything is written; asks for its PIN
        desk.keys.check(desk.keys.request(role, Product.DIGITISED, batch, moment), moment)
    catalogue.event(
        approved_by, "signing_approved", batch, {"records": len(rows), "roles": [str(r) for r in roles]}
    )
    result = BatchSigned(batch)
    done = itertools.count(1)

    def advance(row: DocumentRow) -> None:
        try:
            _Record(desk, row, result, approved_by, lanes).advance(roles)
        except _OF_ONE_FILE as error:
            result.failed[row.id] = error
        if progress is not None:
            progress(next(done), len(rows))

    unsigned = sum(row.status is not DocumentStatus.ARCHIVED for row in rows)
    with lanes_for(unsigned, desk.keys.checking_trust, desk.settings) as lanes:
        desk.keys.waiting = lanes.away
        try:
            lanes.each(rows, advance)
        finally:
            desk.keys.waiting = nullcontext
    return result.in_order_of([row.id for row in rows])


@dataclass
class _Record:
    """One record on its way."""

    desk: CopyDesk
    row: DocumentRow
    result: BatchSigned
    who: str
    lanes: OneLane

    def advance(self, roles: Sequence[Role]) -> None:
        row = self.row
        if row.status is DocumentStatus.ARCHIVED:
            self.result.done_before.append(row.id)
            return
        if row.archive is None:
            raise ObjectMissing(f"{row.id} has no PDF/A copy")
        if self._arrived_signed():
            self._archive_as_it_came(roles)
            return
        if Role.SCANNER in roles:
            self._by_scanner()
        if Role.AGENCY in roles:
            self._by_agency()

    # --- the scanning clerk ------------------------------------------------------------------------------------------
    def _by_scanner(self) -> None:
        if self._done(Role.SCANNER):
            return
        keys, captured = self.desk.keys, self.desk.store.stat(original_key(self.row.source)).created
        requests = [keys.request(role, Product.DIGITISED, self.row.id, captured) for role in ORDER]
        prepared = prepare(
            self._unsigned(),
            requests,
            settings=self.desk.settings.signing,
            conversion=Conversion(captured, keys.person(Role.SCANNER), keys.agency),
            qr=self._qr(captured),
            demo=keys.demo(*ORDER),
        )
        self._sign(
            prepared.data, Role.SCANNER, requests[0], 1, f"signing/{self.row.id}/{self._input[:16]}.pdf"
        )
        self.result.scanned.append(self.row.id)

    # --- the agency --------------------------------------------------------------------------------------------------
    def _by_agency(self) -> None:
        row, desk = self.row, self.desk
        if row.status is not DocumentStatus.CHECKED:
            self.result.waiting[row.id] = "chưa kiểm tra xong"
            return
        before = self._done(Role.SCANNER)
        if before is None:
            self.result.waiting[row.id] = "chưa có chữ ký của người sao chụp"
            return
        signed = self._done(Role.AGENCY)
        if signed is None:
            data = self._fetch(before)
            request = desk.keys.request(Role.AGENCY, Product.DIGITISED, row.id)
            lock = lock_of(desk.settings.preserve, row.type, desk.moment())
            signed = self._sign(data, Role.AGENCY, request, 2, archive_key(row.id, row.version + 1), lock)
        ref = ObjectRef(**signed["object"])
        desk.store.verify(ref.key, ref.version)
        self._keep_evidence(before, signed)
        desk.catalogue.mark_archived(
            row.id, ref, who=self.who, why="signed by scanning clerk and agency", coding=coding_of(desk.settings),
            expected_revision=row.revision,
        )  # fmt: skip
        self._forget(ObjectRef(**before["object"]))
        self.result.archived.append(row.id)

    def _archive_as_it_came(self, roles: Sequence[Role]) -> None:
        if Role.AGENCY not in roles:
            return
        if self.row.status is not DocumentStatus.CHECKED:
            self.result.waiting[self.row.id] = "chưa kiểm tra xong"
            return
        self.desk.catalogue.mark_archived(
            self.row.id, self.row.archive, who=self.who, why="arrived signed", coding=coding_of(self.desk.settings),
            expected_revision=self.row.revision,
        )  # fmt: skip
        self.result.as_came.append(self.row.id)

    # --- inside ------------------------------------------------------------------------------------------------------
    @property
    def _input(self) -> str:
        """What is signed: other bytes after another reading need signatures of their own."""
        return self.row.archive.sha256

    def _unsigned(self) -> bytes:
        return self.desk.store.get(self.row.archive.key, self.row.archive.version)

    def _arrived_signed(self) -> bool:
        with pikepdf.open(io.BytesIO(self._unsigned())) as pdf:
            return has_signature(pdf)

    def _key(self, role: Role) -> StepKey:
        return StepKey(self._input, f"sign/{role}", _VERSION, self.row.id)

    def _done(self, role: Role) -> dict | None:
        known = self.desk.catalogue.step_get(self._key(role))
        return known.result if known else None

    def _fetch(self, step: dict) -> bytes:
        ref = ObjectRef(**step["object"])
        return self.desk.store.get(ref.key, ref.version)

    def _sign(
        self, data: bytes, role: Role, request, signatures: int, key: str, lock: Retention | None = None
    ) -> dict:
        """Signs, verifies, stores, and only then writes down that it is done. The first outcome stands. The half-signed file
        carries no lock: it goes when the agency has signed."""
        keys = self.desk.keys
        made = keys.sign(data, request, self.desk.moment())
        if not made.data.startswith(data):
            raise OutputInvalid("the signature rewrote what was there before")
        verdict = self.lanes.checked(made.data, f"{self.row.id}.pdf", signatures)
        with self.lanes.away():
            ref = put_locked(
                self.desk.store, key, made.data, lock, media_type="application/pdf", metadata={"document": self.row.id}
            )
        outcome = {
            "object": ref.model_dump(),
            "evidence": made.evidence.model_dump(mode="json"),
            "report": verdict.model_dump(mode="json"),
        }
        return self.desk.catalogue.step_put(self._key(role), outcome).result

    def _keep_evidence(self, *steps: dict) -> None:
        """Signatures and the verification report beside the record (domain law G.2)."""
        kept = {
            "document": self.row.id,
            "signatures": [s["evidence"] for s in steps],
            "report": steps[-1]["report"],
        }
        data = json.dumps(kept, ensure_ascii=False, indent=2, sort_keys=True).encode()
        key = f"evidence/{self.row.id}/V{self.row.version + 1}.json"
        lock = lock_of(self.desk.settings.preserve, self.row.type, self.desk.moment())
        put_locked(self.desk.store, key, data, lock, media_type="application/json")

    def _forget(self, half: ObjectRef) -> None:
        """The file with the first signature alone is the beginning of the archived one."""
        if self.desk.store.exists(half.key):
            for version in self.desk.store.versions(half.key):
                self.desk.store.delete(version.key, version.version)

    def _qr(self, captured) -> str:
        """The record's own id: codes are given at the check, after the first signature stands."""
        certifying = self.desk.settings.certifying
        if certifying.verify_url:
            return f"{certifying.verify_url}{'&' if '?' in certifying.verify_url else '?'}ma={self.row.id}"
        facts = (
            self.row.dossier_code or "",
            "",
            "",
            self.row.id,
            certifying.system_name,
            f"{captured:%Y-%m-%dT%H:%M:%SZ}",
        )
        return "|".join(facts)
