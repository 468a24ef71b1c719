"""What tests of the agent share: a SoftHSM token in a folder, `sohoa agent` in a real terminal, jobs to sign.

The agent runs in a process of its own: the driver reads its configuration once a process.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import pty
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from asn1crypto import cms
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from pyhanko.sign.general import as_signing_certificate_v2, simple_cms_attribute
from signing_fixtures import signer

from schemas.agent import AgentProgress
from schemas.signing import JobAnswers, JobItem, Product, Role, SigningJob
from signing.agent_client import AgentClient

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = next(
    (
        path
        for path in (
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib64/pkcs11/libsofthsm2.so",
            "/usr/local/lib/softhsm/libsofthsm2.so",
        )
        if os.path.exists(path)
    ),
    None,
)
PIN, WRONG_PIN = "739155", "246802"
PORTAL, OTHER_PORTAL = "https://cong.vi-du.vn", "https://khac.vi-du.vn"
ROLE = Role.AGENCY

_PROVISION = """
import sys, pkcs11
from asn1crypto import x509
from pkcs11 import Attribute, ObjectClass
library, pin, path = sys.argv[1:]
certificate = x509.Certificate.load(open(path, "rb").read())
token = pkcs11.lib(library).get_token(token_label="van-thu")
with token.open(rw=True, user_pin=pin) as session:
    session.create_object({
        Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
        Attribute.TOKEN: True, Attribute.ID: b"\\x01", Attribute.LABEL: "van-thu",
        Attribute.SUBJECT: certificate.subject.dump(), Attribute.VALUE: certificate.dump(),
    })
"""
_IN_TERMINAL = "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from cli.main import main; main(sys.argv[1:])"


@functools.cache
def certificate():
    return signer(ROLE).certificate


class Token:
    """A SoftHSM token with the agency's demo key. `pull` takes it out, `plug_in` puts it back."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.slots = home / "tokens"
        self.slots.mkdir(parents=True)
        self.conf = home / "softhsm2.conf"
        self.conf.write_text(
            f"directories.tokendir = {self.slots}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        key, der = home / "key.pem", home / "certificate.der"
        key.write_bytes(
            signer(ROLE)._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        der.write_bytes(certificate().dump())
        util = ["softhsm2-util", "--pin", PIN]
        self._run([*util, "--init-token", "--free", "--label", "van-thu", "--so-pin", "87654321"])
        self._run([*util, "--import", str(key), "--token", "van-thu", "--label", "van-thu", "--id", "01"])
        self._run([sys.executable, "-c", _PROVISION, LIBRARY, PIN, str(der)])

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"SOFTHSM2_CONF": str(self.conf)}

    def _run(self, command: list[str]) -> None:
        subprocess.run(command, check=True, capture_output=True, env=self.environment, cwd=ROOT)

    def pull(self) -> None:
        (inside,) = self.slots.iterdir()
        inside.rename(self.home / "pulled")

    def plug_in(self) -> None:
        (self.home / "pulled").rename(self.slots / secrets.token_hex(8))


class Desk:
    """`sohoa agent` in a terminal; the test reads the screen and types."""

    def __init__(self, home: Path, token: Token, **settings: object) -> None:
        self.home, self.config = home, home / "config"
        facts = {"origins": [PORTAL, OTHER_PORTAL], "libraries": [LIBRARY], "port": 0} | settings
        (home / "data").mkdir(parents=True)
        lines = [
            "[agent]",
            *(f"{name} = {str(value).replace(chr(39), chr(34))}" for name, value in facts.items()),
        ]
        (home / "data" / "sohoa.toml").write_text("\n".join(lines) + "\n")
        self.environment = token.environment | {"XDG_CONFIG_HOME": str(self.config), "PYTHONPATH": str(ROOT)}
        self.heard: list[str] = []
        """Everything that came back over HTTP."""
        self.screen, self._seen = "", 0
        self._grown = threading.Condition()
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL, "--home", str(home / "data"), "agent"],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=self.environment, cwd=home,
        )  # fmt: skip
        os.close(slave)
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(self.see(r"http://127\.0\.0\.1:(\d+)", 30)[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.see(r"signed\.jsonl")

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._master, 65536)
            except OSError:
                part = b""
            if not part:
                return
            with self._grown:
                self.screen += part.decode("utf-8", "replace")
                self._grown.notify_all()

    def see(self, pattern: str, seconds: float = 15) -> re.Match:
        """Waits until the screen shows it, after what was seen before."""
        until = time.monotonic() + seconds
        with self._grown:
            while True:
                found = re.search(pattern, self.screen[self._seen :])
                if found:
                    self._seen += found.end()
                    return found
                left = until - time.monotonic()
                assert left > 0, f"{pattern!r} is not on the screen: …{self.screen[-1500:]}"
                self._grown.wait(left)

    def type(self, text: str) -> None:
        time.sleep(0.05)  # getpass drops what was typed before it turned the echo off
        os.write(self._master, text.encode() + b"\n")

    def approve(self) -> None:
        self.see(r"Gõ ky rồi Enter.*: ")
        self.type("ky")

    def give_pin(self, pin: str = PIN) -> None:
        self.see(r"không hiện khi gõ\): ")
        self.type(pin)

    def client(self, origin: str = PORTAL, secret: str = "") -> AgentClient:
        client = AgentClient(self.url, origin, secret)

        def hear(answer: httpx.Response) -> None:
            answer.read()
            self.heard.append(f"{answer.headers} {answer.text}")

        client._client.event_hooks = {"response": [hear]}
        return client

    def paired(self, origin: str = PORTAL) -> AgentClient:
        client = self.client(origin)
        client.begin_pairing()
        client.finish_pairing(self.see(r"nhập mã (\d{6})")[1])
        return client

    def log(self) -> str:
        path = self.config / "sohoa-agent" / "signed.jsonl"
        return path.read_text("utf-8") if path.exists() else ""

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self._master)
        shutil.rmtree(self.home / "data", ignore_errors=True)


def attributes_of(held, digest: bytes, content: str = "data") -> bytes:
    """Signed attributes as a PDF signature by this certificate has them."""
    return cms.CMSAttributes(
        [
            simple_cms_attribute("content_type", content),
            simple_cms_attribute("message_digest", digest),
            simple_cms_attribute("signing_certificate_v2", as_signing_certificate_v2(held)),
        ]
    ).dump()


@functools.cache
def _template() -> bytes:
    return attributes_of(certificate(), bytes(32))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def item(name: str, attributes: bytes | None = None, **changes) -> JobItem:
    id = hashlib.sha256(name.encode()).hexdigest()
    attributes = attributes or _template().replace(bytes(32), bytes.fromhex(id))
    facts = {
        "id": id, "document_id": f"doc-{id[:6]}", "name": name, "field": "CoQuan", "role": ROLE,
        "product": Product.DIGITISED, "sha256": id, "signed_attributes": text(attributes),
        "digest": text(hashlib.sha256(attributes).digest()),
    }  # fmt: skip
    return JobItem(**facts | changes)


def job(*items: JobItem, count: int = 0, prefix: str = "Giấy xác nhận") -> SigningJob:
    items = items or tuple(item(f"{prefix} {number}.pdf") for number in range(count))
    whole = hashlib.sha256("".join(i.id for i in items).encode()).hexdigest()
    return SigningJob(id=whole, certificate=text(certificate().dump()), items=items)


def all_signed(asked: SigningJob, answers: JobAnswers) -> bool:
    """Every item has a signature, and each is right. Raises InvalidSignature."""
    key = serialization.load_der_public_key(certificate().public_key.dump())
    for asked_item in asked.items:
        if asked_item.id not in answers.signatures:
            return False
        signature = base64.b64decode(answers.signatures[asked_item.id])
        key.verify(
            signature, base64.b64decode(asked_item.signed_attributes), padding.PKCS1v15(), hashes.SHA256()
        )
    return True


def until(client: AgentClient, id: str, good, seconds: float = 15) -> AgentProgress:
    """Asks for the progress until it is as wanted."""
    end = time.monotonic() + seconds
    while True:
        now = client.progress(id)
        if good(now):
            return now
        assert time.monotonic() < end, now
        time.sleep(0.01)
