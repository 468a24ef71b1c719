"""The audit chain of an office: checked, sealed by its timestamp authority, handed to an inspector.

check    rows, head record and seals, each timestamp judged with the trust folder
seal     once a day: a timestamp over the head of the chain (schedule in docs/security.md)
export   rows as JSON lines and the seals in a form that `openssl ts` verifies
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

from asn1crypto import cms

from flows.sign_desk import SignDesk
from schemas.errors import NoHome, TargetExists
from schemas.people import Actor
from schemas.settings import Settings
from schemas.signing import TimestampState
from schemas.signing_errors import TimestampUnavailable
from signing.levels import HttpTimeStamper
from signing.revocation import Evidence, from_lists
from signing.sign import foreign_errors
from signing.sign_checks import run
from signing.trust import load_trust
from signing.verify_chain import ChainJudge
from signing.verify_timestamp import judge_token, read_token
from storage.audit import Audit, AuditCheck, AuditProblem, Seal, Stamped
from storage.audit.heads import witness_in
from storage.audit.seals import load
from storage.catalogue import Catalogue
from storage.objects import ObjectStore, open_archive

PAGE = 5_000
ROWS_FILE = "audit.jsonl"


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Audit, Catalogue, ObjectStore]]:
    if not settings.catalogue_url and not (settings.home / "catalogue.sqlite").is_file():
        raise NoHome(str(settings.home))
    witness_in(settings.home)
    with Catalogue.open(settings.database, create=False) as catalogue:
        store = open_archive(settings, catalogue)
        try:
            yield Audit(catalogue), catalogue, store
        finally:
            store.close()


def check(settings: Settings, *, told: Callable[[int], None] = lambda rows: None) -> AuditCheck:
    """The whole chain against everything outside the database. Raises NoHome, CatalogueUnavailable, StoreUnavailable."""
    with _opened(settings) as (audit, _, store), SignDesk(settings) as keys:
        return audit.check(store, Judge(settings, keys), told=told)


def seal(settings: Settings, actor: Actor) -> Seal | None:
    """A seal over the head as it stands; None when nothing new happened. Raises AuditBroken, TimestampUnavailable (also in
    production without an authority in the settings), NoHome."""
    with _opened(settings) as (audit, _, store), SignDesk(settings) as keys:
        rules = settings.audit
        return audit.seal(
            store,
            _stamp(settings, keys),
            actor=actor,
            years=rules.seal_years,
            heads_kept_days=rules.heads_kept_days,
        )


def standing(settings: Settings) -> tuple[AuditProblem | None, list[date]]:
    """The first thing wrong since the last seal, and the days before today that no seal covers; quick."""
    with _opened(settings) as (audit, _, store):
        return audit.check_since_seal(store), audit.unsealed_days(store)


def export(settings: Settings, folder: Path, actor: Actor) -> tuple[int, int]:
    """Writes all rows and seals to a folder; how many of each. Raises TargetExists, NoHome."""
    target = folder / ROWS_FILE
    if target.exists():
        raise TargetExists(str(target))
    with _opened(settings) as (audit, catalogue, store):
        with catalogue.write() as connection:
            audit.add(connection, actor, "audit_exported")
        (folder / "seals").mkdir(parents=True, exist_ok=True)
        count = _write_rows(audit, target)
        sealed, _ = load(store, None)
        for one in sealed:
            name = folder / "seals" / f"{one.seq:012d}"
            name.with_suffix(".json").write_bytes(one.statement)
            name.with_suffix(".tst").write_bytes(one.token)
    return count, len(sealed)


def _write_rows(audit: Audit, target: Path) -> int:
    """Newest first, as they are read; each line holds its hash and the one before it."""
    count, before = 0, None
    with target.open("x", encoding="utf-8") as file:
        while rows := audit.rows(limit=PAGE, before=before):
            for row in rows:
                line = asdict(row) | {"at": row.at.astimezone(UTC).isoformat(timespec="microseconds")}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count, before = count + len(rows), rows[-1].seq
    return count


def _stamp(settings: Settings, keys: SignDesk) -> Callable[[bytes], bytes]:
    """The authority of the settings; without one the demo PKI's, outside production."""
    signing = settings.signing
    if signing.tsa_url:
        stamper = HttpTimeStamper(signing.tsa_url, signing.network_seconds)
    elif signing.production:
        raise TimestampUnavailable("no timestamp authority is set (signing.tsa_url)")
    else:
        stamper = keys.demo_pki.timestamper()

    def stamp(digest: bytes) -> bytes:
        with foreign_errors():
            return run(stamper.async_timestamp(digest, "sha256")).dump()

    return stamp


class Judge:
    """`judge(sha256, token)`: is the timestamp of a seal sound, and can its maker be believed now."""

    def __init__(self, settings: Settings, keys: SignDesk) -> None:
        demo = not settings.signing.tsa_url and not settings.signing.production
        # Answers about demo certificates are made in process; everybody else's come from the trust folder or the network.
        self._known = Evidence()
        if demo and (settings.home / "demo-pki" / "ready").exists():
            pki = keys.demo_pki
            self._known = Evidence([pki.ca], [pki.crl(), pki.crl(of_root=True)])
        store = load_trust(keys.trust)
        self._chains = ChainJudge(keys.trust, store, from_lists(store.crls))
        self._trusted: dict[bytes, bool] = {}

    def __call__(self, digest: bytes, token: bytes) -> Stamped:
        try:
            signed = cms.ContentInfo.load(token)["content"]
        except (ValueError, TypeError, KeyError):
            return Stamped(None, "timestamp_format_failure")
        found = read_token(signed, lambda name: digest if name == "sha256" else b"")
        if found.problem:
            return Stamped(found.time, found.problem)
        maker = found.authority.sha256
        if maker not in self._trusted:
            facts = run(judge_token(found, datetime.now(UTC), self._known, self._chains))
            self._trusted[maker] = facts.state is TimestampState.VALID
        return Stamped(found.time, "", self._trusted[maker])
