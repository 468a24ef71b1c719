"""E-mail by SMTP. The subject carries the number of the copy and no personal data; subjects are read by everybody on the way."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import contextmanager
from datetime import datetime
from email.header import Header
from email.message import Message as Mail
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime

from schemas.copies import Message, Receipt
from schemas.errors import BadSettings, DeliveryRefused, DeliveryUnavailable
from schemas.settings import Delivery

_WIRE = compat32.clone(linesep="\r\n")


class MailTransport:
    """One letter a connection: copies are few, and a server that closes meanwhile costs nothing."""

    simulated = False

    def __init__(self, settings: Delivery, agency: str) -> None:
        """Raises BadSettings when no server or sender is set."""
        if not settings.smtp_host or not settings.sender:
            raise BadSettings("delivery.smtp_host, delivery.sender")
        if not (settings.smtp_user + settings.smtp_password + settings.sender).isascii():
            raise BadSettings("delivery.smtp_user, smtp_password, sender: only ASCII letters can be sent")
        self.settings, self.agency = settings, agency

    def send(self, message: Message, data: bytes | None, text: str, moment: datetime) -> Receipt:
        """`data`: the file, None for a letter with the link alone. The same message has the same Message-ID, by which mail
        programs know a letter that was sent twice.

        Raises DeliveryUnavailable (try again), DeliveryRefused (the address or the letter is not taken), BadSettings.
        """
        letter = self._letter(message, data, text, moment)
        with (
            _foreign_errors(),
            smtplib.SMTP(
                self.settings.smtp_host, self.settings.smtp_port, timeout=self.settings.seconds
            ) as server,
        ):
            if self.settings.smtp_starttls:
                server.starttls(context=ssl.create_default_context(cafile=self.settings.smtp_ca_file or None))
            if self.settings.smtp_user:
                server.login(self.settings.smtp_user, self.settings.smtp_password)
            answer = self._transmit(server, letter, message.address)
        return Receipt(at=moment, message_id=letter["Message-ID"], response=answer)

    def _transmit(self, server: smtplib.SMTP, letter: Mail, address: str) -> str:
        """As `send_message`, but keeps what the server answered: it is the evidence."""
        server.ehlo_or_helo_if_needed()
        for code, said in (
            server.mail(self.settings.sender),
            server.rcpt(address),
            server.data(letter.as_bytes(policy=_WIRE)),
        ):
            if code >= 400:
                raise smtplib.SMTPResponseException(code, said)
        return f"{code} {said.decode(errors='replace')}"

    def _letter(self, message: Message, data: bytes | None, text: str, moment: datetime) -> Mail:
        """Built with the older classes: `EmailMessage` of Python 3.11 loses the space between two encoded words of a long
        Vietnamese subject."""
        if not message.address.isascii() or any(c.isspace() or c in "<>,;" for c in message.address):
            raise DeliveryRefused("not an e-mail address that the server can be told")
        letter: Mail = MIMEText(text, "plain", "utf-8")
        if data is not None:
            attached = MIMEApplication(data, "pdf")
            attached.add_header("Content-Disposition", "attachment", filename=f"{message.entry}.pdf")
            letter = MIMEMultipart(_subparts=[letter, attached])
        letter["From"] = (
            f"{Header(self.agency, 'utf-8', header_name='From').encode()} <{self.settings.sender}>"
        )
        letter["To"] = message.address
        letter["Subject"] = Header(message.subject, "utf-8", header_name="Subject")
        letter["Date"] = format_datetime(moment)
        letter["Message-ID"] = f"<{message.id}@{self.settings.sender.rpartition('@')[2]}>"
        return letter


@contextmanager
def _foreign_errors():
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise BadSettings(f"delivery.smtp_user: {error.smtp_code}") from error
    except smtplib.SMTPNotSupportedError as error:
        raise BadSettings(f"delivery: {error}") from error
    except smtplib.SMTPResponseException as error:
        said = f"{error.smtp_code} {error.smtp_error.decode(errors='replace') if isinstance(error.smtp_error, bytes) else error.smtp_error}"
        raise (DeliveryRefused if error.smtp_code >= 500 else DeliveryUnavailable)(said) from error
    except ssl.SSLCertVerificationError as error:
        raise DeliveryUnavailable(f"certificate of the server: {error.verify_message}") from error
    except (smtplib.SMTPException, ssl.SSLError, socket.gaierror, OSError) as error:
        raise DeliveryUnavailable(type(error).__name__) from error
