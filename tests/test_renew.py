"""Renewing timestamps, with the clock moved by years: certificates end, files that were renewed in time stay valid."""

from __future__ import annotations

import functools
import hashlib
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from made_catalogue import paper, recorded
from signing_fixtures import pki, prepared_scan, request, signer, validation
from signing_fixtures import timestamper as stamper_now

from cli.main import main
from flows import preserve
from flows.copies_desk import CopyDesk, open_copy_desk
from flows.preserve import Authority, held, plan, renew_due
from ocr.pdfa_check import check_pdfa2b
from schemas.errors import NotFound, SohoaError
from schemas.preserve import Because, DueState, Held, PreserveSettings, Proof, ProofKind, Standing
from schemas.settings import Settings
from schemas.signing import Level, Role, Verdict
from schemas.signing_errors import RenewalImpossible, TimestampUnavailable
from schemas.store import ObjectRef
from signing.demo_pki import DemoPki, DemoTimeStamper
from signing.renew import renew, standing
from signing.sign import sign
from signing.verify import verify_file
from storage.catalogue import Catalogue
from storage.objects import open_store

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)
FAR = {name: date(2100, 1, 1) for name in PreserveSettings().algorithm_ends}


def signed_as(role: Role, pdf: bytes, level: Level) -> bytes:
    return sign(
        pdf, request(role, level), signer(role), settings=Settings().signing, validation=validation(role),
        timestamper=stamper_now(),
    ).data  # fmt: skip


@functools.cache
def signed(level: Level = Level.B_LTA) -> bytes:
    """By clerk and agency, today."""
    return signed_as(Role.AGENCY, signed_as(Role.SCANNER, prepared_scan(), level), level)


class Office:
    """A home with archived files and a clock that can be moved."""

    def __init__(self, home: Path, **settings) -> None:
        self.settings = Settings(home=home, preserve=PreserveSettings(**{"algorithm_ends": FAR} | settings))
        self.now = NOW
        shutil.copytree(pki().folder, home / "demo-pki")
        Catalogue.open(self.settings.database).close()
        open_store(self.settings.store).close()
        with self.desk() as desk:
            assert desk.keys.demo_pki.root.sha256 == pki().root.sha256  # from now on among the anchors

    def desk(self):
        return open_copy_desk(self.settings, who="lan", clock=lambda: self.now)

    def archive(self, data: bytes) -> str:
        """A record that lies in the archive; its id."""
        with self.desk() as desk:
            key = f"archive/{hashlib.sha256(data).hexdigest()[:12]}/V1.pdf"
            ref = desk.store.put(key, data)
            (row,) = recorded(desk.catalogue, paper([1], archive="archive/unsigned/V1.pdf"))
            return desk.catalogue.mark_archived(row.id, ref).id

    def authority(self, begins: timedelta, ends: timedelta) -> Authority:
        """A later certificate of the same authority, as a real one gets every few years."""
        certificate, key = pki().issue(
            f"Dấu thời gian {ends.days}", not_before=NOW + begins, not_after=NOW + ends, timestamping=True
        )
        stamper = CountedStamper(certificate, key, pki().chain, lambda: self.now)
        return Authority(stamper, pki().validation_context(moment=self.now))


class CountedStamper(DemoTimeStamper):
    asked = 0

    def request_tsa_response(self, req):
        self.asked += 1
        return super().request_tsa_response(req)


@pytest.fixture
def office(tmp_path) -> Office:
    return Office(tmp_path / "home")


def planned(desk: CopyDesk):
    return plan(held(desk), desk.moment(), desk.settings.preserve)


def judged_at(office: Office, data: bytes, moment: datetime):
    with office.desk() as desk:
        return verify_file(data, "x.pdf", desk.keys.trust, at=moment)


def standing_bytes(desk: CopyDesk, document: str) -> bytes:
    archive = desk.catalogue.document(document).archive
    return desk.store.get(archive.key, archive.version)


# --- the plan --------------------------------------------------------------------------------------------------------
def proof(ends: datetime, *algorithms: str, kind: ProofKind = ProofKind.DOCUMENT) -> Proof:
    return Proof(
        field="T",
        kind=kind,
        authority="TSA",
        at=NOW,
        certificate_ends=ends,
        algorithms=algorithms or ("sha256",),
    )


def held_file(name: str, *proofs: Proof) -> Held:
    ref = ObjectRef(key=f"archive/{name}/V1.pdf", sha256="0" * 64, size=1, version="1")
    return Held(document=name, object=ref, standing=Standing(proofs=proofs))


def test_the_plan_says_what_falls_due_when():
    settings = PreserveSettings(renew_before_days=365, algorithm_ends=FAR)
    files = [
        held_file("later", proof(NOW + 3 * YEAR)),
        held_file("due", proof(NOW + YEAR / 2)),
        held_file("ended", proof(NOW - YEAR)),
        held_file("unsigned"),
        held_file("bare", proof(NOW + 2 * YEAR, kind=ProofKind.NONE)),
        held_file("two", proof(NOW + 9 * YEAR), proof(NOW + 4 * YEAR)),
    ]
    found = plan(files, NOW, settings)
    assert [(due.document, due.state) for due in found] == [
        ("ended", DueState.TOO_LATE),
        ("due", DueState.DUE),
        ("bare", DueState.NO_TIMESTAMP),
        ("later", DueState.LATER),
        ("two", DueState.LATER),
    ]
    assert found[-1].ends == NOW + 4 * YEAR  # the first of its timestamps to end
    assert abs((found[-1].due - NOW.date()).days - 3 * 365) <= 1


@pytest.mark.parametrize(
    ("algorithm", "year"),
    [
        ("rsa-2048", 2030),
        ("rsa-2560", 2030),
        ("rsa-4096", 2035),
        ("ec-384", 2035),
        ("rsa-1024", 1970),
        ("sha1", 1970),
    ],
)
def test_an_algorithm_ends_before_the_certificate(algorithm, year):
    (due,) = plan([held_file("x", proof(NOW + 50 * YEAR, "sha512", algorithm))], NOW, PreserveSettings())
    assert due.because is Because.ALGORITHM and due.what == algorithm and due.ends.year == year


def test_what_protects_a_real_file():
    (only,) = standing(signed()).proofs
    assert only.kind is ProofKind.DOCUMENT and "Dấu thời gian" in only.authority
    assert abs(only.certificate_ends - (NOW + 10 * YEAR)) < timedelta(days=1)
    assert set(only.algorithms) == {"sha256", "rsa-2048"}
    assert [p.kind for p in standing(signed(Level.B_LT)).proofs] == [ProofKind.SIGNATURE] * 2
    later = standing(signed_as(Role.AGENCY, signed_as(Role.SCANNER, prepared_scan(), Level.B_LTA), Level.B_T))
    assert [p.kind for p in later.proofs] == [ProofKind.DOCUMENT, ProofKind.SIGNATURE]
    assert standing(prepared_scan()).proofs == ()


# --- years pass ------------------------------------------------------------------------------------------------------
def test_renewed_twice_a_file_outlives_every_certificate_of_its_time(office):
    record = office.archive(signed())
    with office.desk() as desk:
        assert [due.state for due in planned(desk)] == [DueState.LATER]
        assert renew_due(desk).not_due == [record]

        office.now = NOW + 9.3 * YEAR  # signers ended after 5 years, the authority ends after 10
        assert [(due.state, due.because) for due in planned(desk)] == [(DueState.DUE, Because.CERTIFICATE)]
        result = renew_due(desk, authority=office.authority(8 * YEAR, 14.5 * YEAR))
        assert list(result.renewed) == [record] and not result.failed
        first = standing_bytes(desk, record)

        office.now = NOW + 13.8 * YEAR
        assert list(renew_due(desk, authority=office.authority(13 * YEAR, 14.9 * YEAR)).renewed) == [record]
        second = standing_bytes(desk, record)
        assert planned(desk)[0].ends > NOW + 14.8 * YEAR

        versions = desk.catalogue.versions(record)
        assert [v.version for v in versions] == [
            1,
            2,
            3,
            4,
        ]  # as read, as signed, as renewed twice: nothing was replaced
        kept = [desk.store.get(v.archive.key, v.archive.version) for v in versions[1:]]
        assert kept == [signed(), first, second]
        assert [e.what for e in desk.catalogue.events(record)].count("timestamp_renewed") == 2
        assert len(list(desk.store.list(f"evidence/{record}/"))) == 2
    assert first.startswith(signed()) and second.startswith(first)
    assert check_pdfa2b(second) == []

    found = judged_at(office, second, NOW + 14.7 * YEAR)
    assert found.verdict is Verdict.VALID, found.reasons
    assert [s.level for s in found.signatures] == [Level.B_LTA] * 2
    assert all(s.timestamp == "valid" and abs(datetime.fromisoformat(s.time) - NOW) < YEAR for s in found.signatures)
    assert len(found.document_timestamps) == 4
    # Without renewal the same file proves nothing then.
    assert judged_at(office, signed(), NOW + 10.5 * YEAR).verdict is Verdict.INDETERMINATE
    assert judged_at(office, first, NOW + 14.7 * YEAR).verdict is Verdict.INDETERMINATE


def test_an_issued_copy_gets_one_more_version(office):
    with office.desk() as desk:
        desk.store.put("issued/C-TEST.pdf", signed())
        office.now = NOW + 9.3 * YEAR
        result = renew_due(desk, authority=office.authority(8 * YEAR, 14 * YEAR))
        assert list(result.renewed) == ["C-TEST"]
        old, new = sorted(desk.store.versions("issued/C-TEST.pdf"), key=lambda ref: ref.size)
        assert desk.store.get(old.key, old.version) == signed()
        assert planned(desk)[0].object == new and planned(desk)[0].state is DueState.LATER


def test_only_what_is_asked_for_and_not_yet_due(office):
    record = office.archive(signed())
    with office.desk() as desk:
        office.now = NOW + YEAR
        authority = office.authority(timedelta(), 12 * YEAR)
        assert list(renew_due(desk, documents=[record], authority=authority).renewed) == [record]
        with pytest.raises(NotFound):
            renew_due(desk, documents=["D-NOBODY"], authority=authority)


# --- killed ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["before the step is written", "before it takes its place"])
def test_killed_and_called_again(office, monkeypatch, where):
    record = office.archive(signed())
    office.now = NOW + 9.3 * YEAR
    authority = office.authority(8 * YEAR, 14 * YEAR)

    def die(*_, **__):
        raise KeyboardInterrupt

    with office.desk() as desk, monkeypatch.context() as patch:
        before = len(desk.catalogue.versions(record))
        held_now = list(held(desk))
        assert held_now
        patch.setattr(
            *((type(desk.catalogue), "step_put") if where.endswith("written") else (preserve, "_take_place")),
            die,
        )
        with pytest.raises(KeyboardInterrupt):
            renew_due(desk, authority=authority)
    asked = authority.stamper.asked
    with office.desk() as desk:
        assert standing_bytes(desk, record) == signed()
        assert list(renew_due(desk, authority=authority).renewed) == [record]
        assert len(desk.catalogue.versions(record)) == before + 1
        assert renew_due(desk, authority=authority).renewed == {}
        assert judged_at(office, standing_bytes(desk, record), office.now).verdict is Verdict.VALID
    again = authority.stamper.asked - asked
    assert again == (
        1 if where.endswith("written") else 0
    )  # a renewal that is written down is not paid for twice


# --- what must not happen --------------------------------------------------------------------------------------------
class Silent(DemoTimeStamper):
    def request_tsa_response(self, req):
        raise TimestampUnavailable("outage")


def refused(desk: CopyDesk, record: str, authority: Authority | None = None) -> SohoaError:
    """Why a record was not renewed; it is as before."""
    before = desk.catalogue.document(record)
    result = renew_due(desk, documents=[record], authority=authority)
    assert result.renewed == {} and desk.catalogue.document(record) == before
    return result.failed[record]


def test_an_outage_stops_the_call_and_changes_nothing(office):
    record = office.archive(signed())
    office.now = NOW + 9.3 * YEAR
    good = office.authority(8 * YEAR, 14 * YEAR)
    silent = Silent(pki().tsa, pki()._key("tsa"), pki().chain)
    with office.desk() as desk:
        with pytest.raises(TimestampUnavailable):
            renew_due(desk, authority=Authority(silent, good.validation))
        assert standing_bytes(desk, record) == signed()
        assert list(desk.store.list(f"evidence/{record}/")) == []


def test_too_late_is_said_and_not_papered_over(office):
    record = office.archive(signed())
    office.now = NOW + 10.2 * YEAR
    authority = office.authority(8 * YEAR, 14 * YEAR)
    with office.desk() as desk:
        assert [due.state for due in planned(desk)] == [DueState.TOO_LATE]
        assert isinstance(refused(desk, record, authority), RenewalImpossible)
    with pytest.raises(RenewalImpossible):
        renew(signed(), authority.validation, authority.stamper)


def test_a_timestamp_that_ends_no_later_is_not_kept(tmp_path):
    office = Office(tmp_path / "home", algorithm_ends=PreserveSettings().algorithm_ends)
    record = office.archive(signed())
    office.now = datetime(
        2030, 6, 1, tzinfo=UTC
    )  # the demo authority's key is RSA-2048, until the end of 2030
    with office.desk() as desk:
        assert planned(desk)[0].state is DueState.DUE
        assert "rsa-2048" in str(refused(desk, record).detail)


def test_a_revoked_authority_cannot_be_renewed(office):
    record = office.archive(signed())
    office.now = NOW + 9.3 * YEAR
    revoking = DemoPki(office.settings.home / "demo-pki")
    revoking.revoke(revoking.tsa, NOW + YEAR)
    good = office.authority(8 * YEAR, 14 * YEAR)
    fresh = revoking.validation_context(moment=office.now)
    with office.desk() as desk:
        assert isinstance(refused(desk, record, Authority(good.stamper, fresh)), RenewalImpossible)


def test_a_file_that_is_not_valid_is_not_lent_a_timestamp(office):
    broken = signed()[:2000] + bytes([signed()[2000] ^ 1]) + signed()[2001:]
    record = office.archive(broken)
    bare = office.archive(signed(Level.B_B))
    office.now = NOW + YEAR
    with office.desk() as desk:
        authority = office.authority(timedelta(), 12 * YEAR)
        assert "hash_failure" in refused(desk, record, authority).detail
        assert isinstance(refused(desk, bare, authority), RenewalImpossible)


# --- the command -----------------------------------------------------------------------------------------------------
def test_the_command(office, capsys):
    home = str(office.settings.home)
    record = office.archive(signed())

    def typed(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(
                ["preserve", *arguments, "--home", home, "--user", "lan"][
                    : None if arguments[0] == "renew" else -2
                ]
            )
        return left.value.code, capsys.readouterr().out

    code, said = typed("plan")
    assert code == 0 and record in said and "chưa đến hạn" in said
    code, said = typed("renew")
    assert code == 0 and "Chưa đến hạn: 1 tệp" in said
    code, said = typed("renew", record)  # the demo authority's own end is no later: nothing is gained
    assert code == 1 and f"Không gia hạn được {record}" in said
