"""The agent at work: real terminal, real HTTP on loopback, a real PKCS#11 driver."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from itertools import groupby

import pytest
from agent_at_work import (
    LIBRARY,
    PIN,
    PORTAL,
    ROLE,
    ROOT,
    WRONG_PIN,
    Desk,
    Token,
    all_signed,
    certificate,
    job,
    until,
)
from signing_fixtures import SETTINGS, judged, pki, prepared_scan, request, signer, timestamper, validation

from flows.agent import sign_with_agent
from schemas.agent import AgentJobState as State
from schemas.signing import FIELD_NAMES, Level, Role
from schemas.signing_errors import AgentRefused, AgentUnavailable, TokenUnavailable, WrongPin
from signing.agent_client import AgentClient, failure_of
from signing.deferred import finish_job, prepare_job
from signing.sign import sign

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="SoftHSM 2 is not installed (apt: softhsm2)")


@pytest.fixture(scope="module")
def token(tmp_path_factory) -> Token:
    return Token(tmp_path_factory.mktemp("token"))


@pytest.fixture
def desk(tmp_path, token):
    running = Desk(tmp_path / "desk", token)
    yield running
    running.stop()


def test_reviewed_batches_with_one_approval_each_and_one_pin(desk, tmp_path):
    """Two batches of PDF files, prepared and finished by the server. The PIN is asked once and is nowhere afterwards."""
    client = desk.paired()
    (held,) = client.certificates()
    assert held.sha256 == certificate().sha256.hex() and held.token == "van-thu"
    reviewed = sign(
        prepared_scan(),
        request(Role.SCANNER),
        signer(Role.SCANNER),
        settings=SETTINGS,
        validation=validation(),
    ).data
    options = {"settings": SETTINGS, "validation": validation(ROLE), "timestamper": timestamper()}
    for batch in ("sáng", "chiều"):
        sources = []
        for number in range(3):
            source = tmp_path / f"{batch}-{number}.pdf"
            source.write_bytes(reviewed)
            sources.append((source, request(ROLE, Level.B_T, document_id=f"{batch}-{number}")))
        folder = tmp_path / batch
        asked = prepare_job(folder, sources, certificate(), pki().chain, **options)
        handed = client.submit(asked)
        assert handed.state in (State.WAITING, State.APPROVAL) and handed.total == 3
        desk.see(r"Cổng https://cong\.vi-du\.vn xin ký 3 văn bản")
        desk.approve()
        assert all(source.name in desk.screen for source, _ in sources)
        if batch == "sáng":
            desk.give_pin()
        shown: list = []
        answers, missing = sign_with_agent(client, asked, seconds=15, show=shown.append)
        assert missing is None and shown[-1].done == 3
        done = finish_job(folder, answers, tmp_path / f"{batch}-xong", chain=pki().chain, **options)
        assert len(done) == 3
        for finished in done:
            verdict = judged(finished.path.read_bytes(), FIELD_NAMES[ROLE])
            assert verdict.bottom_line and verdict.timestamp_validity.valid

    assert desk.screen.count("Mã PIN") == 1
    signed = [json.loads(line) for line in desk.log().splitlines()]
    assert [entry["event"] for entry in signed].count("signed") == 6
    assert {entry["name"] for entry in signed if entry["event"] == "signed"} >= {"sáng-0.pdf", "chiều-2.pdf"}
    process = f"/proc/{desk.process.pid}"
    kept = [path.read_bytes() for path in desk.home.rglob("*") if path.is_file()]
    if os.path.exists(process):
        kept += [open(f"{process}/{name}", "rb").read() for name in ("cmdline", "environ")]
    desk.process.send_signal(2)
    desk.process.wait(10)
    kept += [path.read_bytes() for path in desk.home.rglob("*") if path.is_file()]
    everything = b"\n".join([*kept, desk.screen.encode(), *(heard.encode() for heard in desk.heard)])
    assert b"chi\xe1\xbb\x81u-2.pdf" in everything and PIN.encode() not in everything


def test_token_pulled_in_the_middle_and_put_back(desk, token):
    """Clear error, signatures kept, a second batch waits; after the PIN it goes on by itself."""
    client = desk.paired()
    asked, later = job(count=800), job(count=2, prefix="Lô sau")
    first = client.submit(asked)
    second = client.submit(later)
    desk.approve()
    desk.give_pin()
    until(client, first.id, lambda now: now.done > 5)
    token.pull()
    try:
        pulled = until(client, first.id, lambda now: now.state is State.NO_TOKEN)
        assert 5 < pulled.done < 800 and pulled.error == TokenUnavailable.code
        desk.see("Mất kết nối thiết bị ký.")
        kept = client.answers(first.id).signatures
        assert len(kept) == pulled.done
        assert client.progress(second.id).state is State.WAITING
        assert client.certificates() == []
        with pytest.raises(TokenUnavailable):
            client.submit(job(count=1, prefix="Không có thiết bị"))
        time.sleep(0.7)
        assert client.progress(first.id).state is State.NO_TOKEN
    finally:
        token.plug_in()
    desk.give_pin()
    answers, missing = sign_with_agent(client, asked, seconds=30)
    assert missing is None and all_signed(asked, answers)
    assert kept.items() <= answers.signatures.items()
    desk.approve()
    assert until(client, second.id, lambda now: now.state.finished).state is State.DONE
    assert desk.screen.count("Mã PIN") == 2
    order = [key for key, _ in groupby(e["job"] for e in map(json.loads, desk.log().splitlines()))]
    assert order == [asked.id, later.id]


def test_two_portals_at_once_are_served_one_after_the_other(desk):
    clients = [desk.paired(), desk.paired("https://khac.vi-du.vn")]
    asked = [job(count=40, prefix="Cổng một"), job(count=40, prefix="Cổng hai")]
    handed = [client.submit(wanted) for client, wanted in zip(clients, asked, strict=True)]
    desk.approve()
    assert clients[1].progress(handed[1].id).state is State.WAITING
    desk.give_pin()
    desk.approve()
    for client, wanted, got in zip(clients, asked, handed, strict=True):
        assert client.wait(got.id, 15).state is State.DONE
        assert all_signed(wanted, client.answers(got.id))
    order = [key for key, _ in groupby(e["job"] for e in map(json.loads, desk.log().splitlines()))]
    assert order == [wanted.id for wanted in asked]
    with pytest.raises(AgentRefused, match="unknown_job"):
        clients[1].answers(handed[0].id)


def test_wrong_pin_is_told_and_never_tried_again(desk):
    client = desk.paired()
    asked = job(count=2)
    handed = client.submit(asked)
    desk.approve()
    desk.give_pin(WRONG_PIN)
    desk.see("Sai mã PIN")
    desk.see("đã bị nhập sai ít nhất một lần")
    desk.give_pin(WRONG_PIN)
    desk.see("Lô này dừng lại")
    failed = client.wait(handed.id, 5)
    assert failed.state is State.FAILED and failed.error == WrongPin.code and failed.done == 0
    time.sleep(1)
    assert desk.screen.count("Mã PIN của thiết bị") == 2, "asked or tried again without being told to"
    again = client.submit(asked)
    assert again.id != handed.id
    desk.approve()
    desk.give_pin()
    answers, missing = sign_with_agent(client, asked, seconds=15)
    assert missing is None and all_signed(asked, answers)
    assert WRONG_PIN not in desk.screen + desk.log() + "".join(desk.heard)


def test_refused_cancelled_and_taken_up_again(desk):
    client = desk.paired()
    asked = job(count=25)
    refused = client.submit(asked)
    desk.see("… và 5 văn bản nữa")
    desk.see("chỉ Enter để từ chối: ")
    desk.type("xem")
    desk.see("Giấy xác nhận 24.pdf")
    desk.see("chỉ Enter để từ chối: ")
    desk.type("không")
    over = client.wait(refused.id, 5)
    assert (over.state, over.error, over.done) == (State.REFUSED, "approval_refused", 0)
    assert isinstance(failure_of(over), AgentRefused)

    long = job(count=900)
    handed = client.submit(long)
    desk.approve()
    desk.give_pin()
    until(client, handed.id, lambda now: now.done > 3)
    stopped = client.cancel(handed.id)
    assert stopped.state is State.CANCELLED
    desk.see("Cổng đã huỷ phần còn lại")
    made = client.answers(handed.id).signatures
    assert 3 < len(made) < 900
    again = client.submit(long)
    assert again.id != handed.id and again.done == len(made)
    desk.see(f"xin ký {900 - len(made)} văn bản")
    desk.approve()
    answers, missing = sign_with_agent(client, long, seconds=30)
    assert missing is None and all_signed(long, answers) and made.items() <= answers.signatures.items()
    assert client.submit(long).state is State.DONE, "the same batch is not signed twice"


def test_login_ends_when_it_is_not_used(tmp_path, token):
    desk = Desk(tmp_path / "desk", token, idle_minutes=0.01)
    try:
        client = desk.paired()
        for number in range(2):
            handed = client.submit(job(count=1, prefix=f"Lô {number}"))
            desk.approve()
            desk.give_pin()
            assert client.wait(handed.id, 10).state is State.DONE
            desk.see("Đã thoát thiết bị ký vì lâu không dùng")
    finally:
        desk.stop()


def test_an_approval_given_too_late_signs_nothing(tmp_path, token):
    desk = Desk(tmp_path / "desk", token, approval_minutes=0.01)
    try:
        client = desk.paired()
        handed = client.submit(job(count=1))
        desk.see("chỉ Enter để từ chối: ")
        time.sleep(0.7)
        desk.type("ky")
        over = client.wait(handed.id, 5)
        assert (over.state, over.error, over.done) == (State.REFUSED, "approval_late", 0)
    finally:
        desk.stop()


def test_revoked_by_the_command_while_it_runs(desk):
    client = desk.paired()
    secret = client._client.headers["Authorization"].removeprefix("Bearer ")
    file = desk.config / "sohoa-agent" / "pairings.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert secret.partition(".")[2] not in file.read_text()
    command = [sys.executable, "-m", "cli.main", "agent"]
    options = {"env": desk.environment, "cwd": desk.home, "capture_output": True, "text": True}
    assert PORTAL in subprocess.run([*command, "list"], **options).stdout
    assert "Đã huỷ 1" in subprocess.run([*command, "revoke", PORTAL], **options).stdout
    with pytest.raises(AgentRefused, match="not_paired"):
        client.certificates()
    assert client.status()["paired"] is False
    assert subprocess.run([*command, "revoke"], **options).returncode == 2


def test_wants_a_terminal(tmp_path, token):
    command = [sys.executable, "-m", "cli.main", "--home", str(tmp_path), "agent"]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 2 and "cửa sổ lệnh" in ran.stderr


def test_nobody_there():
    with AgentClient("http://127.0.0.1:9", PORTAL) as client, pytest.raises(AgentUnavailable):
        client.status()
