"""A real SMTP server on loopback (RFC 5321 with STARTTLS and AUTH), as small as it can be; and one that misbehaves."""

from __future__ import annotations

import base64
import datetime
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Mailbox:
    """What came in, and how the server is to behave."""

    letters: list[EmailMessage] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    password: str = ""
    """Asked for when set."""
    answer_to_rcpt: str = "250 OK"
    answer_to_data: str = "250 2.0.0 accepted as A1B2C3"
    offers_tls: bool = True
    greeting: str = "220 loopback ESMTP"
    """Empty: the line is open and nobody speaks."""
    released: threading.Event = field(default_factory=threading.Event)


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box: Mailbox = self.server.box
        tls, user = False, ""
        if not box.greeting:
            box.released.wait(10)
            return
        self._say(box.greeting)
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            verb = verb.upper()
            if verb in ("EHLO", "HELO"):
                offered = ["loopback", "8BITMIME"]
                offered += ["STARTTLS"] if box.offers_tls and not tls else []
                offered += ["AUTH PLAIN"] if box.password else []
                for extension in offered[:-1]:
                    self._say(f"250-{extension}")
                self._say(f"250 {offered[-1]}")
            elif verb == "STARTTLS":
                self._say("220 go ahead")
                self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
                tls = True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                good = password == box.password
                self._say("235 welcome" if good else "535 5.7.8 no")
            elif verb == "MAIL":
                self._say("530 5.7.0 authenticate first" if box.password and not user else "250 OK")
            elif verb == "RCPT":
                self._say(box.answer_to_rcpt)
            elif verb == "DATA":
                self._say("354 go on")
                data = b""
                while not (part := self.rfile.readline()).startswith(b".\r\n"):
                    data += part[1:] if part.startswith(b".") else part
                self._say(box.answer_to_data)
                if box.answer_to_data.startswith("2"):
                    box.letters.append(message_from_bytes(data, policy=policy.default))
                    box.over_tls.append(tls)
                    box.users.append(user)
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 OK")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()


class SmtpServer(socketserver.ThreadingTCPServer):
    """A context manager; `port`, `box`, and `certificate`: the file a client has to trust."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.box = Mailbox()
        self.certificate = folder / "smtp.pem"
        self._key = folder / "smtp.key"
        self._make_certificate()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, self._key)

    @property
    def port(self) -> int:
        return self.server_address[1]

    def __enter__(self) -> SmtpServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *details) -> None:
        self.box.released.set()
        self.shutdown()
        self.server_close()

    def _make_certificate(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        moment = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - datetime.timedelta(days=1))
            .not_valid_after(moment + datetime.timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        self._key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
