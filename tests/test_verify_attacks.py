"""What forgers try. None of it may come out valid; most of it must come out invalid, with the right reason."""

from __future__ import annotations

import random
import shutil
import subprocess
import zlib
from io import BytesIO

import pikepdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import MDPPerm

from schemas.signing import Changes, Revocation, TimestampState, Verdict
from signing.revocation import RevocationCache
from signing.verify import verify_file
from tests import attacks, attacks_shadow
from tests.attack_pki import DAY, NOW, YEAR, Pki, rsa_key


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki()


@pytest.fixture(scope="module")
def official(pki):
    return pki.issue("Nguyễn Văn An")


@pytest.fixture(scope="module")
def trust(pki, tmp_path_factory):
    return pki.trust(tmp_path_factory.mktemp("trust"), pki.crls())


@pytest.fixture(scope="module")
def good(pki, official) -> bytes:
    """Signed by an official, with lists of today at hand: valid as it is."""
    stamper = pki.timestamper()
    return attacks.signed(attacks.paper(), pki.signer(official), timestamper=stamper, box=(300, 50, 400, 90))


@pytest.fixture(scope="module")
def archived(pki, official) -> bytes:
    return attacks.signed(
        attacks.paper(),
        pki.signer(official),
        timestamper=pki.timestamper(),
        context=pki.context(),
        archive=True,
    )


def judged(data: bytes, trust, **options):
    return verify_file(data, "tệp.pdf", trust, **options)


def test_what_is_attacked_is_valid_before(good, archived, trust):
    """Otherwise the tests below would prove nothing."""
    assert judged(good, trust).verdict is Verdict.VALID
    assert judged(archived, trust).verdict is Verdict.VALID


ON_BYTES = {
    "content byte flipped": (attacks.content_byte_flipped, "hash_failure"),
    "signature value flipped": (attacks.signature_value_flipped, "sig_crypto_failure"),
    "padding of the signature filled": (attacks.padding_filled, "byte_range_wrong"),
    "object appended without a table": (attacks.bytes_appended, "damaged_signed_file"),
    "word ByteRange destroyed": (attacks.byte_range_renamed, "format_failure"),
    "signature wrapped, second part moved": (attacks.wrapped, "byte_range_wrong"),
    "signature dictionary repeated in an update": (attacks.repointed, "byte_range_wrong"),
    "page added": (attacks.page_added, "changed_after_signing"),
    "pages swapped": (attacks.pages_swapped, "changed_after_signing"),
    "content of a page replaced": (attacks.page_content_replaced, "changed_after_signing"),
    "content stream overridden": (attacks.content_stream_overridden, "changed_after_signing"),
    "picture swapped": (attacks.picture_swapped, "changed_after_signing"),
    "overlay added": (attacks.overlay_added, "changed_after_signing"),
    "form value changed": (attacks.form_value_changed, "form_changed"),
    "looks without a signature": (attacks.unsigned_field_with_picture, "changed_after_signing"),
    "signature removed": (attacks.signature_removed, "signature_removed"),
    "form with all signatures removed": (attacks.form_removed, "signature_removed"),
    "looks of the signature replaced": (attacks.looks_of_signature_replaced, "changed_after_signing"),
    "page cut to a part": (attacks.page_turned, "changed_after_signing"),
    "script added": (attacks.script_added, "changed_after_signing"),
    "history cut": (attacks_shadow.history_cut, "byte_range_wrong"),
    "certificates removed": (attacks.certificates_removed, "no_signing_certificate_found"),
}


@pytest.mark.parametrize("name", ON_BYTES)
def test_altered_file(name, good, trust):
    attack, code = ON_BYTES[name]
    altered = attack(good)
    assert altered != good
    verdict = judged(altered, trust)
    wanted = Verdict.INDETERMINATE if code == "no_signing_certificate_found" else Verdict.INVALID
    assert (verdict.verdict, verdict.reasons[0]) == (wanted, code)


WORDS = {
    "page added": "Thêm trang: 3.",
    "pages swapped": "Đổi thứ tự trang.",
    "content of a page replaced": "Nội dung trang 1 bị thay đổi.",
    "content stream overridden": "Nội dung trang 1 bị thay đổi.",
    "picture swapped": "Hình ảnh hoặc phông chữ của trang 2 bị thay đổi.",
    "overlay added": "Thêm 1 chú thích hoặc hình phủ trên trang 1.",
    "form value changed": "Trường biểu mẫu „SoTien“ đổi giá trị.",
    "looks without a signature": "Thêm hình vào ô chữ ký chưa ký „ChuKyMoi“.",
}


@pytest.mark.parametrize("name", WORDS)
def test_change_is_said_in_words(name, archived, trust):
    """After a timestamp over the file as well: then the timestamp falls too."""
    verdict = judged(ON_BYTES[name][0](archived), trust)
    [signature] = verdict.signatures
    assert verdict.verdict is Verdict.INVALID
    assert signature.intact and not signature.whole_file and signature.changes_after is Changes.FORBIDDEN
    assert WORDS[name] in signature.changes
    assert verdict.document_timestamps[0].verdict is Verdict.INVALID


@pytest.mark.parametrize("key", ["/ByteRange", "/Contents", "/SubFilter", "/Filter"])
def test_universal_forgery_by_leaving_out(key, good, trust):
    verdict = judged(attacks.part_of_signature_removed(good, key), trust)
    assert verdict.verdict is Verdict.INVALID and len(verdict.signatures) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("/ByteRange", generic.NullObject()),
        ("/ByteRange", generic.ArrayObject([])),
        ("/ByteRange", generic.ArrayObject([generic.NumberObject(n) for n in (0, -1, 5, 5)])),
        ("/ByteRange", generic.ArrayObject([generic.NumberObject(0)] * 4)),
        ("/ByteRange", generic.ArrayObject([generic.NumberObject(n) for n in (0, 10, 10, 10**9)])),
        ("/Contents", generic.NullObject()),
        ("/Contents", generic.ByteStringObject(b"")),
        ("/Contents", generic.ByteStringObject(b"\0" * 64)),
    ],
)
def test_universal_forgery_by_nonsense(key, value, good, trust):
    verdict = judged(attacks.part_of_signature_replaced(good, key, value), trust)
    assert verdict.verdict is Verdict.INVALID and len(verdict.signatures) == 1


def test_wrapping_fools_a_reader_that_only_computes(good, pki, official, trust, tmp_path):
    """The wrapped file is a good forgery: poppler calls it valid and shows the forged text."""
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig is not installed")
    path = tmp_path / "wrapped.pdf"
    path.write_bytes(attacks.wrapped(good))
    said = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=False).stdout
    shown = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout
    assert "Signature is Valid" in said and "999" in shown
    assert judged(path.read_bytes(), trust).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    "attack", [attacks_shadow.catalog_switched, attacks_shadow.content_repointed], ids=lambda a: a.__name__
)
def test_hide_and_replace(pki, official, trust, attack, tmp_path):
    """What was prepared before signing and is called up later, without one new object."""
    prepared = attacks.signed(attacks_shadow.paper_with_a_shadow(), pki.signer(official))
    before = judged(prepared, trust)
    assert before.verdict is Verdict.VALID
    assert "hidden_content" in [each.code for each in before.explanations]
    altered = attack(prepared)
    verdict = judged(altered, trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INVALID, ["changed_after_signing"])
    if shutil.which("pdftotext"):
        path = tmp_path / "shadow.pdf"
        path.write_bytes(altered)
        shown = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout
        assert "999" in shown  # it is a real attack: readers show the other text


def test_junk_between_honest_revisions(archived, trust):
    """Bytes that belong to no revision, with an honest end of file after them."""
    end = archived.rindex(b"startxref")
    junk = b"\n6 0 obj\n<</Length 4>>\nstream\nevil\nendstream\nendobj\n"
    verdict = judged(archived + junk + archived[end:], trust)
    assert verdict.verdict is Verdict.INVALID and "trailing_data" in verdict.reasons


def test_signature_of_another_file(pki, official, good, trust):
    other = attacks.signed(attacks.paper("Khac"), pki.signer(official), timestamper=pki.timestamper())
    verdict = judged(attacks.signature_of_another_file(other, good), trust)
    assert (verdict.verdict, verdict.reasons[0]) == (Verdict.INVALID, "hash_failure")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_truncated(good, trust, share):
    verdict = judged(good[: int(len(good) * share)], trust)
    assert verdict.verdict is not Verdict.VALID


def test_broken_field_hides_nothing(good, trust):
    """A field that cannot be read stands before the signed one; the signed one is still judged, and the file refused."""
    verdict = judged(attacks.broken_field_first(good), trust)
    assert verdict.verdict is Verdict.INVALID


def test_script_in_a_signed_file(pki, official, trust):
    data = attacks.signed(attacks.paper(script="this.getField('x').value = 999"), pki.signer(official))
    verdict = judged(data, trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["dynamic_content"])


# --- what a signer permits, and what not ----------------------------------------------------------------------------
def test_second_signature_where_none_is_permitted(pki, official, trust):
    first = attacks.signed(attacks.paper(), pki.signer(official), "Mot", certify=MDPPerm.NO_CHANGES)
    assert judged(first, trust).verdict is Verdict.VALID
    second = attacks.signed(first, pki.signer(official), "Hai")
    verdict = judged(second, trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INVALID, ["docmdp_violated"])
    assert [s.verdict for s in verdict.signatures] == [Verdict.INVALID, Verdict.VALID]


def test_permitted_form_filling_needs_a_person(pki, official, trust):
    data = attacks.signed(attacks.paper(), pki.signer(official), certify=MDPPerm.FILL_FORMS)
    verdict = judged(attacks.form_value_changed(data), trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["form_filled"])


def test_page_changed_between_two_signatures(pki, official, trust):
    """The second signature is right about the forged page; the first tells on it."""
    first = attacks.signed(attacks.paper(), pki.signer(official), "Mot")
    verdict = judged(attacks.signed(attacks.page_content_replaced(first), pki.signer(official), "Hai"), trust)
    assert verdict.verdict is Verdict.INVALID
    assert [s.verdict for s in verdict.signatures] == [Verdict.INVALID, Verdict.VALID]


def test_later_signature_whose_picture_hides_the_page(pki, official, trust):
    first = attacks.signed(attacks.paper(), pki.signer(official), "Mot")
    second = attacks.signed(first, pki.signer(official), "Hai", box=(0, 300, 595, 842))
    verdict = judged(second, trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["overlay_by_signature"])


# --- certificates ---------------------------------------------------------------------------------------------------
def test_expired_signer(pki, trust):
    old = pki.issue("Hết hạn", not_before=NOW - 2 * YEAR, not_after=NOW - YEAR)
    claimed = judged(attacks.signed(attacks.paper(), pki.signer(old)), trust)
    assert (claimed.verdict, claimed.reasons) == (Verdict.INVALID, ["expired"])
    stamped = attacks.signed(attacks.paper(), pki.signer(old), timestamper=pki.timestamper())
    assert judged(stamped, trust).reasons == ["expired"]


def test_signer_expired_since_without_proof(pki, official, tmp_path):
    later = NOW + 6 * YEAR
    data = attacks.signed(attacks.paper(), pki.signer(official))
    verdict = judged(data, pki.trust(tmp_path, pki.crls(later)), at=later)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["out_of_bounds_no_poe"])


def test_certificate_not_yet_valid(pki, trust):
    young = pki.issue("Chưa hiệu lực", not_before=NOW + 10 * DAY)
    stamped = attacks.signed(attacks.paper(), pki.signer(young), timestamper=pki.timestamper())
    assert judged(stamped, trust).reasons == ["not_yet_valid"]


REVOCATIONS = {
    "before, with timestamp": (-DAY, True, Verdict.INVALID, "revoked"),
    "before, without": (-DAY, False, Verdict.INVALID, "revoked"),
    "after, with timestamp": (5 * DAY, True, Verdict.VALID, None),
    "after, without": (5 * DAY, False, Verdict.INDETERMINATE, "revoked_no_poe"),
}


@pytest.mark.parametrize("by_ocsp", [False, True])
@pytest.mark.parametrize("when", REVOCATIONS)
def test_revoked_signer(pki, official, tmp_path, when, by_ocsp):
    since, stamped, wanted, code = REVOCATIONS[when]
    at = NOW + 10 * DAY
    revoked = {official.certificate.serial_number: NOW + since}
    trust = pki.trust(tmp_path, pki.crls(at, {} if by_ocsp else revoked), cache=tmp_path / "cache")
    if by_ocsp:
        answer = pki.ocsp(official.certificate, at, NOW + since)
        RevocationCache(tmp_path / "cache").keep_ocsp(official.asn1, pki.ca.asn1, answer)
    stamper = pki.timestamper() if stamped else None
    verdict = judged(attacks.signed(attacks.paper(), pki.signer(official), timestamper=stamper), trust, at=at)
    assert (verdict.verdict, verdict.reasons) == (wanted, [code] if code else [])
    state = verdict.signatures[0].revocation
    assert state is (Revocation.GOOD if wanted is Verdict.VALID else Revocation.REVOKED)


def test_later_list_beats_an_earlier_good_answer(pki, official, tmp_path):
    """A good OCSP answer inside the file, and a list of today that says: revoked the day before it was signed."""
    data = attacks.signed(
        attacks.paper(), pki.signer(official), timestamper=pki.timestamper(), context=pki.context()
    )
    assert judged(data, pki.trust(tmp_path / "a")).verdict is Verdict.VALID
    revoked = {official.certificate.serial_number: NOW - DAY}
    verdict = judged(data, pki.trust(tmp_path / "b", pki.crls(NOW, revoked)))
    assert (verdict.verdict, verdict.reasons) == (Verdict.INVALID, ["revoked"])


def test_revoked_authority(pki, official, good, tmp_path):
    lists = [pki.crl(), pki.crl(issuer=pki.root, revoked={pki.ca.certificate.serial_number: NOW - DAY})]
    verdict = judged(good, pki.trust(tmp_path, lists))
    assert verdict.verdict is Verdict.INDETERMINATE and "revoked_ca_no_poe" in verdict.reasons


def test_list_of_a_stranger_proves_nothing(pki, official, good, tmp_path):
    """Same names, other keys."""
    stranger = Pki()
    verdict = judged(good, pki.trust(tmp_path, stranger.crls()))
    assert verdict.verdict is Verdict.INDETERMINATE and "try_later" in verdict.reasons


@pytest.mark.parametrize(
    "wrong",
    [{"usage": ("key_encipherment",)}, {"purposes": ("server_auth",)}, {"purposes": ("time_stamping",)}],
    ids=str,
)
def test_certificate_for_something_else(pki, trust, wrong):
    holder = pki.issue("Máy chủ web", **wrong)
    verdict = judged(attacks.signed(attacks.paper(), pki.signer(holder)), trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["chain_constraints_failure"])


def test_end_entity_that_issues_certificates(pki, official, trust):
    forged = pki.issue("Chủ tịch", issuer=official)
    verdict = judged(attacks.signed(attacks.paper(), pki.signer(forged, others=(official, pki.ca))), trust)
    assert verdict.verdict is Verdict.INDETERMINATE and not verdict.signatures[0].trusted


def test_self_signed_look_alike(pki, official, trust):
    fake = pki.issue("Nguyễn Văn An", issuer=None)
    verdict = judged(attacks.signed(attacks.paper(), pki.signer(fake, others=())), trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["self_signed"])
    assert verdict.signatures[0].intact and not verdict.signatures[0].trusted


def test_whole_world_of_the_same_names(pki, trust):
    stranger = Pki()
    fake = stranger.issue("Nguyễn Văn An")
    signer = stranger.signer(fake, others=(stranger.ca, stranger.root))
    verdict = judged(attacks.signed(attacks.paper(), signer), trust)
    assert verdict.verdict is Verdict.INDETERMINATE and not verdict.signatures[0].trusted


@pytest.mark.parametrize("same_key", [False, True])
@pytest.mark.parametrize("subfilter", [attacks.PADES, attacks.ADBE], ids=str)
def test_swapped_certificate(pki, official, trust, subfilter, same_key):
    serial = official.certificate.serial_number
    key = official.key if same_key else None
    other = pki.issue("Trần Thị Bình", serial=serial, key=key, usage=("key_encipherment",))
    data = attacks.signed(attacks.paper(), pki.signer(official), subfilter=subfilter)
    verdict = judged(attacks.certificate_swapped(data, other.asn1), trust)
    assert verdict.verdict is not Verdict.VALID


def test_weak_hash_and_weak_key(pki, official, trust):
    sha1 = judged(attacks.signed(attacks.paper(), pki.signer(official), digest="sha1"), trust)
    assert (sha1.verdict, sha1.reasons) == (Verdict.INDETERMINATE, ["crypto_constraints_failure"])
    short = pki.issue("Khoá ngắn", key=rsa_key(1024))
    weak = judged(attacks.signed(attacks.paper(), pki.signer(short)), trust)
    assert weak.verdict is Verdict.INDETERMINATE and "crypto_constraints_failure" in weak.reasons
    assert sha1.signatures[0].weak_algorithm and weak.signatures[0].weak_algorithm


# --- timestamps -----------------------------------------------------------------------------------------------------
def test_timestamp_of_another_signature(pki, official, good, trust):
    other = attacks.signed(
        attacks.paper("Khac"), pki.signer(official), timestamper=pki.timestamper(NOW - DAY)
    )
    verdict = judged(attacks.timestamp_pasted(good, attacks.timestamp_of(other)), trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INVALID, ["timestamp_hash_failure"])
    assert verdict.signatures[0].timestamp is TimestampState.INVALID


def test_timestamp_backdated(good, trust):
    verdict = judged(attacks.timestamp_backdated(good), trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INVALID, ["timestamp_crypto_failure"])


def test_timestamp_of_somebody_who_is_no_authority(pki, official, trust):
    clerk = pki.issue("Không phải TSA", key=rsa_key(2048))
    stamper = pki.timestamper(NOW - DAY, clerk)
    verdict = judged(attacks.signed(attacks.paper(), pki.signer(official), timestamper=stamper), trust)
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["timestamp_untrusted"])


def test_timestamp_of_a_stranger_does_not_revive_a_dead_certificate(pki, tmp_path):
    """Backdated by an authority of the forger's own into the life of a certificate that was then revoked."""
    holder = pki.issue("Mất khoá")
    stranger = Pki()
    revoked = {holder.certificate.serial_number: NOW - 5 * DAY}
    data = attacks.signed(
        attacks.paper(), pki.signer(holder), timestamper=stranger.timestamper(NOW - 10 * DAY)
    )
    verdict = judged(data, pki.trust(tmp_path, pki.crls(NOW, revoked)))
    assert verdict.verdict is Verdict.INVALID and {"revoked", "timestamp_untrusted"} <= set(verdict.reasons)


def test_revoked_timestamp_authority(pki, good, tmp_path):
    revoked = {pki.tsa.certificate.serial_number: NOW - DAY}
    verdict = judged(good, pki.trust(tmp_path, pki.crls(NOW, revoked)))
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["timestamp_revoked"])


def test_timestamp_from_the_future(pki, official, trust):
    stamper = pki.timestamper(NOW + 3 * DAY)
    verdict = judged(attacks.signed(attacks.paper(), pki.signer(official), timestamper=stamper), trust)
    assert verdict.verdict is Verdict.INDETERMINATE and "timestamp_order_failure" in verdict.reasons


def test_timestamps_out_of_order(pki, official, tmp_path):
    """The second signature stands on the first one but was stamped a day before it."""
    first = attacks.signed(attacks.paper(), pki.signer(official), "Mot", timestamper=pki.timestamper(NOW))
    second = attacks.signed(first, pki.signer(official), "Hai", timestamper=pki.timestamper(NOW - DAY))
    verdict = judged(second, pki.trust(tmp_path, pki.crls()))
    assert (verdict.verdict, verdict.reasons) == (Verdict.INDETERMINATE, ["timestamp_order_failure"])


def test_timestamp_over_the_file_altered(archived, trust):
    verdict = judged(attacks.signature_value_flipped(archived), trust)
    assert (verdict.verdict, verdict.reasons[0]) == (Verdict.INVALID, "sig_crypto_failure")
    assert verdict.signatures[0].verdict is Verdict.VALID and not verdict.document_timestamps[0].intact


# --- files that are meant to hurt -----------------------------------------------------------------------------------
def _locked() -> bytes:
    out = BytesIO()
    pdf = pikepdf.open(BytesIO(attacks.paper()))
    pdf.save(out, encryption=pikepdf.Encryption(user="bí mật", owner="chủ"))
    return out.getvalue()


def _bomb() -> bytes:
    """An object stream of 100 kB that would become 100 MB."""
    packed = zlib.compress(b"\0" * 100_000_000, 9)
    head = b"%%PDF-1.5\n1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n" % len(
        packed
    )
    body = head + packed + b"\nendstream\nendobj\n"
    at = len(body)
    rows = bytes([0, 0, 0, 0, 255]) + bytes([1, 0, 0, 9, 0]) + bytes([2, 0, 0, 1, 0])
    table = b"3 0 obj\n<</Type/XRef/Size 3/W[1 3 1]/Root 2 0 R/Length %d>>\nstream\n%s\nendstream\nendobj\n"
    return body + table % (len(rows), rows) + b"startxref\n%d\n%%%%EOF\n" % at


HOSTILE = {
    "empty": (lambda: b"", "empty_file"),
    "text": (lambda: "Không phải PDF".encode() * 100, "unsupported_file"),
    "header alone": (lambda: b"%PDF-1.7\n", "damaged_file"),
    "password": (_locked, "encrypted_file"),
    "bomb": (_bomb, "decompression_bomb"),
    "no signature": (attacks.paper, "no_signature"),
    "reference to itself": (
        lambda: attacks.paper().replace(b"/Type /Catalog", b"/Type 1 0 R   "),
        "no_signature",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_ends_in_a_verdict(name, trust):
    make, code = HOSTILE[name]
    verdict = judged(make(), trust)
    assert (verdict.verdict, verdict.reasons, verdict.signatures) == (Verdict.INDETERMINATE, [code], [])


def test_random_damage_never_ends_in_valid(good, trust):
    """A bit changed anywhere in the signed bytes; a fixed seed, so that a failure can be repeated. (In the signature
    itself there are parts nobody signs: a second copy of a certificate may be damaged without harm.)"""
    chance = random.Random(20261122)
    start, stop = attacks.contents_span(good)
    for _ in range(120):
        at = chance.choice([*range(start), *range(stop, len(good))])
        altered = good[:at] + bytes([good[at] ^ (1 << chance.randrange(8))]) + good[at + 1 :]
        assert judged(altered, trust).verdict is not Verdict.VALID, at


def test_damage_inside_the_signature_is_told_apart_from_our_own_faults(archived, trust):
    """Digits of the signature changed: parts nobody signs may stay good, all else has a reason of its own."""
    chance = random.Random(20261123)
    for which in (0, 1):
        start, stop = attacks.contents_span(archived, which)
        end = start + len(archived[start:stop].rstrip(b"0"))
        for _ in range(40):
            at = chance.randrange(start, end)
            altered = archived[:at] + chance.choice([b"0", b"7", b"c"]) + archived[at + 1 :]
            assert "check_failed" not in judged(altered, trust).reasons, at
