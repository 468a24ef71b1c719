"""Handing over: e-mail through a real SMTP server, the citizen's store through its simulator; retries, receipts, no personal data
where it does not belong."""

from __future__ import annotations

import base64
import hashlib
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from flows.copies import certified_copy, resume
from flows.delivery import deliver, outbox_of, queue_delivery
from flows.delivery_mail import MailTransport
from flows.delivery_portal import SIMULATOR, HttpCitizenStore
from schemas.copies import Channel, DeliveryState
from schemas.errors import BadSettings, NotAllowedNow, RequestKeyReused, WrongUse
from schemas.register import Cancelling
from schemas.settings import Certifying, Delivery
from schemas.signing import SigningSettings
from storage.outbox import Outbox
from tests.copies_office import CopyOffice
from tests.kho_simulator import KhoSimulator
from tests.smtp_server import SmtpServer

pytest_plugins = ["copies_office"]
ADDRESS = "ngoc@example.vn"
OWNER = "079087001234"


@pytest.fixture
def mail(tmp_path):
    with SmtpServer(tmp_path) as server:
        yield server


@pytest.fixture
def kho():
    with KhoSimulator("bi-mat") as server:
        yield server


def by_mail(server: SmtpServer, **more) -> Delivery:
    facts = {
        "smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_ca_file": str(server.certificate),
        "sender": "motcua@daidong.example.vn", "seconds": 5,
    }  # fmt: skip
    return Delivery(**facts | more)


def to_kho(server: KhoSimulator, **more) -> Delivery:
    return Delivery(**{"kho_url": server.url, "kho_token": "bi-mat", "seconds": 2} | more)


@pytest.fixture(scope="module")
def home_with_a_copy(keys_of_a_module):
    """Issued once; each test hands out a copy of the whole home."""
    office = CopyOffice(keys_of_a_module)
    with office.desk() as desk:
        certified_copy(desk, office.request(desk))
    return keys_of_a_module


@pytest.fixture
def copy_office(tmp_path, home_with_a_copy):
    shutil.copytree(home_with_a_copy, tmp_path / "home")
    return CopyOffice(tmp_path / "home")


def issued(office, desk):
    return resume(desk, "yc-1")


class TestMail:
    def test_the_file_goes_out_and_the_answer_is_kept(self, copy_office, mail):
        mail.box.password = "mat khau"
        settings = by_mail(mail, smtp_user="motcua", smtp_password="mat khau")
        with copy_office.desk(delivery=settings) as desk:
            copy = issued(copy_office, desk)
            queue_delivery(desk, copy.entry, Channel.EMAIL, ADDRESS)
            result = deliver(desk)
            again = deliver(desk)
            original = desk.store.get(copy.archive.key)
        (sent,), (letter,) = result.sent, mail.box.letters
        assert mail.box.over_tls == [True] and mail.box.users == ["motcua"]
        assert (
            sent.state is DeliveryState.DELIVERED
            and "A1B2C3" in sent.receipt.response
            and not sent.receipt.simulated
        )
        assert sent.receipt.message_id == letter["Message-ID"] and sent.receipt.at is not None
        (attached,) = letter.iter_attachments()
        assert attached.get_content() == original and attached.get_content_type() == "application/pdf"
        assert letter["To"] == ADDRESS
        assert again.sent == [] and len(mail.box.letters) == 1

    def test_no_personal_data_in_what_everybody_reads(self, copy_office, mail):
        with copy_office.desk(delivery=by_mail(mail)) as desk:
            queue_delivery(desk, issued(copy_office, desk).entry, Channel.EMAIL, ADDRESS)
            deliver(desk)
        (letter,) = mail.box.letters
        heads = " ".join(str(value) for name, value in letter.items() if name != "To")
        body = letter.get_body(("plain",)).get_content()
        names = [attached.get_filename() for attached in letter.iter_attachments()]
        assert letter["Subject"] == "Chứng thực bản sao từ bản chính số 01 quyển số 01/2026 - SCT/BS"
        for personal in ("Ngọc", OWNER, "12/QĐ-UBND", "Quyết định"):
            assert all(personal not in text for text in (heads, body, *names)), personal

    def test_a_link_instead_of_the_file(self, copy_office, mail):
        more = {"certifying": Certifying(verify_url="https://kiemtra.daidong.example.vn/bs")}
        with copy_office.desk(delivery=by_mail(mail, attach=False), **more) as desk:
            copy = issued(copy_office, desk)
            queue_delivery(desk, copy.entry, Channel.EMAIL, ADDRESS)
            deliver(desk)
        (letter,) = mail.box.letters
        assert list(letter.iter_attachments()) == []
        assert f"https://kiemtra.daidong.example.vn/bs?ma={copy.code}" in letter.get_content()

    def test_an_address_that_is_refused_waits_for_a_person(self, copy_office, mail):
        mail.box.answer_to_rcpt = "550 5.1.1 no such user"
        with copy_office.desk(delivery=by_mail(mail)) as desk:
            message = queue_delivery(desk, issued(copy_office, desk).entry, Channel.EMAIL, ADDRESS)
            assert [m.state for m in deliver(desk).given_up] == [DeliveryState.FAILED]
            mail.box.answer_to_rcpt = "250 OK"
            assert deliver(desk).sent == []
            outbox_of(desk).again(message.id, who="lan")
            assert len(deliver(desk).sent) == 1
            told = outbox_of(desk).attempts(message.id)
        assert [outcome for _, outcome, _ in told] == ["failed", "delivered"] and "550" in told[0][2]

    @pytest.mark.parametrize("wrong", ["busy", "no_tls", "untrusted", "away", "password", "silent", "nonsense"])
    def test_what_may_pass_is_tried_again_with_growing_waits(self, copy_office, mail, tmp_path, wrong):
        changes = {}
        if wrong == "busy":
            mail.box.answer_to_data = "451 4.3.0 try later"
        elif wrong == "no_tls":
            mail.box.offers_tls = False
        elif wrong == "untrusted":
            changes["smtp_ca_file"] = ""
        elif wrong == "silent":
            mail.box.greeting, changes = "", {"seconds": 1}
        elif wrong == "nonsense":
            mail.box.greeting = "HTTP/1.1 400 Bad Request"
        elif wrong == "password":
            mail.box.password, changes = "dung", {"smtp_user": "motcua", "smtp_password": "sai"}
        else:
            changes["smtp_port"] = 9  # discard: nobody listens
        moments = [datetime.now(UTC)]
        with copy_office.desk(delivery=by_mail(mail, **changes), clock=lambda: moments[-1]) as desk:
            queue_delivery(desk, issued(copy_office, desk).entry, Channel.EMAIL, ADDRESS)
            waits = []
            for _ in range(3):
                (later,) = deliver(desk).later
                assert deliver(desk).later == [], "not before its time"
                waits.append((later.next_at - moments[-1]).total_seconds())
                moments.append(later.next_at + timedelta(seconds=1))
        assert waits == [60, 120, 240] and mail.box.letters == []

    def test_after_the_last_attempt_a_person_looks(self, copy_office, mail):
        mail.box.answer_to_data = "451 4.3.0 try later"
        moments = [datetime.now(UTC)]
        with copy_office.desk(delivery=by_mail(mail, attempts=2), clock=lambda: moments[-1]) as desk:
            queue_delivery(desk, issued(copy_office, desk).entry, Channel.EMAIL, ADDRESS)
            deliver(desk)
            moments.append(moments[-1] + timedelta(hours=1))
            (given_up,) = deliver(desk).given_up
        assert given_up.attempts == 2 and given_up.problem == "delivery_unavailable"

    def test_what_smtp_cannot_say(self, copy_office, mail):
        with pytest.raises(BadSettings):
            MailTransport(by_mail(mail, smtp_user="a", smtp_password="mật khẩu"), "x")
        with copy_office.desk(delivery=by_mail(mail)) as desk:
            queue_delivery(desk, issued(copy_office, desk).entry, Channel.EMAIL, "ngọc@example.vn")
            assert len(deliver(desk).given_up) == 1


class TestCitizenStore:
    def test_the_file_with_its_owner(self, copy_office, kho):
        with copy_office.desk(delivery=to_kho(kho)) as desk:
            copy = issued(copy_office, desk)
            message = queue_delivery(desk, copy.entry, Channel.CITIZEN_STORE, OWNER)
            (sent,) = deliver(desk).sent
        kept = kho.kept[message.id]
        data = base64.b64decode(kept["file"])
        assert (
            kept["owner"] == OWNER
            and hashlib.sha256(data).hexdigest() == kept["sha256"] == copy.archive.sha256
        )
        assert sent.receipt.response == f"201 BN-{message.id}" and not sent.receipt.simulated

    def test_an_answer_that_was_lost_makes_no_second_delivery(self, copy_office, kho):
        """Taken, but the answer never came: the same message again is known by its id."""
        kho.answers = ["lost", 503, "silence"]
        moments = [datetime.now(UTC)]
        with copy_office.desk(delivery=to_kho(kho), clock=lambda: moments[-1]) as desk:
            queue_delivery(desk, issued(copy_office, desk).entry, Channel.CITIZEN_STORE, OWNER)
            for _ in range(3):
                assert len(deliver(desk).later) == 1
                moments.append(moments[-1] + timedelta(hours=7))
            (sent,) = deliver(desk).sent
        assert sent.attempts == 4 and sent.receipt.response.startswith("409") and len(kho.kept) == 1

    @pytest.mark.parametrize(
        ("answer", "state"), [(422, "given_up"), (500, "later"), (429, "later"), (401, "later")]
    )
    def test_refusals_and_outages_are_told_apart(self, copy_office, kho, answer, state):
        kho.answers = [answer]
        with copy_office.desk(delivery=to_kho(kho)) as desk:
            queue_delivery(desk, issued(copy_office, desk).entry, Channel.CITIZEN_STORE, OWNER)
            result = deliver(desk)
        assert len(getattr(result, state)) == 1 and result.sent == []

    def test_a_proxy_that_says_yes_to_everything_has_taken_nothing(self, copy_office, kho):
        kho.talks_html = True
        with copy_office.desk(delivery=to_kho(kho)) as desk:
            queue_delivery(desk, issued(copy_office, desk).entry, Channel.CITIZEN_STORE, OWNER)
            assert len(deliver(desk).later) == 1

    def test_the_simulator_says_that_it_is_one_and_is_not_there_in_production(self, copy_office):
        from flows.delivery import transports_of

        with copy_office.desk() as desk:
            copy = issued(copy_office, desk)
            queue_delivery(desk, copy.entry, Channel.CITIZEN_STORE, OWNER)
            (sent,) = deliver(desk).sent
        assert sent.receipt.simulated and SIMULATOR in sent.receipt.response
        with copy_office.desk(signing=SigningSettings(production=True)) as desk:
            assert transports_of(desk) == {}
        with pytest.raises(BadSettings):
            HttpCitizenStore(Delivery(kho_url="http://kho.example.vn"))


class TestOutbox:
    def test_the_same_is_queued_once(self, copy_office):
        with copy_office.desk() as desk:
            copy = issued(copy_office, desk)
            one = queue_delivery(desk, copy.entry, Channel.EMAIL, ADDRESS)
            assert queue_delivery(desk, copy.entry, Channel.EMAIL, f" {ADDRESS} ") == one
            assert len(outbox_of(desk).messages(copy.entry)) == 1
            other = copy.archive.model_copy(update={"sha256": "0" * 64})
            with pytest.raises(RequestKeyReused):
                outbox_of(desk).queue(copy.entry, Channel.EMAIL, ADDRESS, other, subject="", who="lan")
            with pytest.raises(WrongUse):
                queue_delivery(desk, copy.entry, Channel.EMAIL, "không phải địa chỉ")

    def test_a_message_is_held_by_one_sender_until_its_lease_ends(self, copy_office):
        moments = [datetime.now(UTC)]
        with copy_office.desk(clock=lambda: moments[-1]) as desk:
            copy = issued(copy_office, desk)
            queue_delivery(desk, copy.entry, Channel.EMAIL, ADDRESS)
            box = Outbox(desk.catalogue, lambda: moments[-1])
            held = box.claim("một", timedelta(minutes=5))
            assert box.claim("hai", timedelta(minutes=5)) is None
            moments.append(moments[-1] + timedelta(minutes=6))
            assert box.claim("hai", timedelta(minutes=5)).id == held.id
            with pytest.raises(NotAllowedNow):
                box.not_delivered(held.id, "một", "x", "", wait=None, who="lan")

    def test_a_copy_cancelled_while_it_waited_does_not_go_out(self, copy_office, mail):
        with copy_office.desk(delivery=by_mail(mail)) as desk:
            copy = issued(copy_office, desk)
            queue_delivery(desk, copy.entry, Channel.EMAIL, ADDRESS)
            day = desk.moment().date()
            cancelling = Cancelling(decision="9/QĐ", decision_date=day, decided_by="Chủ tịch", reason="sai")
            desk.register.cancel(copy.entry, cancelling, who="lan")
            assert len(deliver(desk).given_up) == 1
            with pytest.raises(NotAllowedNow):
                queue_delivery(desk, copy.entry, Channel.EMAIL, "khac@example.vn")
        assert mail.box.letters == []

    def test_attempts_cannot_be_rewritten(self, copy_office, mail):
        import sqlalchemy as sa

        from schemas.errors import SohoaError

        with copy_office.desk(delivery=by_mail(mail)) as desk:
            queue_delivery(desk, issued(copy_office, desk).entry, Channel.EMAIL, ADDRESS)
            deliver(desk)
            with pytest.raises(SohoaError, match="append-only"), desk.catalogue.write() as connection:
                connection.execute(sa.text("UPDATE outbox_attempts SET detail = 'x'"))
