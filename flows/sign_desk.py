"""The keys of an office at work: opens each once, builds the request for a signature, signs, and verifies what was signed.

Which key signs in which role stands in `<home>/keys.toml` (`schemas.roster`). Where none is named the demo PKI in
`<home>/demo-pki` signs, visibly marked; in production that is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from time import monotonic

from pyhanko_certvalidator import ValidationContext

from schemas.errors import BadSettings, OutputInvalid
from schemas.roster import Roster, Seat, load_roster
from schemas.settings import Settings
from schemas.signing import (
    DelegationKind,
    DelegationRecord,
    FileVerdict,
    KeyKind,
    Product,
    Role,
    SignatureRequest,
    Verdict,
)
from schemas.signing_errors import DemoKeyRefused, TokenUnavailable
from signing.delegation import same_name
from signing.demo_pki import AGENCY, DemoPki
from signing.identities import Signer, common_name
from signing.levels import HttpTimeStamper
from signing.online import signing_validation
from signing.pkcs12 import Pkcs12Signer
from signing.sign import Signed, sign
from signing.sign_checks import check_signer
from signing.trust import TrustSettings, load_trust
from signing.verify import verify_file

UNNAMED = "Cơ quan chưa đặt tên"
AskPin = Callable[[Role, str], str]
"""`ask(role, what)`: PIN or password of a key; asked once for as long as the desk is open, kept nowhere else."""
REFRESH_SECONDS = 300.0
"""So old may an answer about revocation be when a key signs: a certificate revoked at noon signs no longer at five past."""
DEMO_OPERATOR = "Văn thư thử nghiệm"


def nobody_asked(role: Role, what: str) -> str:
    raise BadSettings(f"{role}: {what} needs a PIN, and nobody can be asked for it here")


def make_demo_keys(settings: Settings) -> Path | None:
    """The folder of test keys of a home, made when it is not there; None where it has no use: in production, or where
    every role has a key of the office's own."""
    with SignDesk(settings) as desk:
        if settings.signing.production or not any(desk.is_demo(role) for role in Role):
            return None
        return desk.demo_pki.folder


class SignDesk:
    """A context manager: sessions of tokens are closed at the end. One a process; not across fork."""

    def __init__(self, settings: Settings, ask_pin: AskPin = nobody_asked) -> None:
        """Raises BadSettings for a key file that is not valid."""
        self.settings = settings
        self.roster: Roster = load_roster(settings.home)
        self._ask = ask_pin
        self._signers: dict[Role, Signer] = {}
        self.waiting: Callable[[], AbstractContextManager] = nullcontext
        """Entered while the timestamp authority is waited for (`flows.sign_lanes`)."""
        self._lost: set[Path] = set()
        """Drivers whose token went away."""
        self._judged: dict[bool, tuple[float, ValidationContext]] = {}
        """Demo or real keys -> when the context was made, by the clock that nobody sets, and the context."""
        self._open = ExitStack()

    def __enter__(self) -> SignDesk:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # --- who -----------------------------------------------------------------------------------------------------------
    def is_demo(self, role: Role) -> bool:
        return self.roster.seat(role) is None

    @cached_property
    def demo_pki(self) -> DemoPki:
        """Made on first use, with its root among the trust anchors. Raises DemoKeyRefused in production."""
        if self.settings.signing.production:
            raise DemoKeyRefused("no key is named in keys.toml")
        named = self.settings.office.name
        pki = DemoPki.open(self.settings.home / "demo-pki", agency=AGENCY if named == UNNAMED else named)
        if named != UNNAMED and not same_name(common_name(pki.certificate(Role.AGENCY)), named[:64]):
            pki.rename(named)
        self._trust_demo(pki)
        return pki

    def _trust_demo(self, pki: DemoPki) -> None:
        from asn1crypto import pem

        folder = self.trust.folder
        for room, name, certificate in (
            ("anchors", "demo-root", pki.root),
            ("intermediates", "demo-ca", pki.ca),
        ):
            path = folder / room / f"{name}.pem"
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if room == "anchors":  # the note first: an anchor without one counts as a real root
                path.with_suffix(".toml").write_text(
                    'source = "PKI thử nghiệm của chính máy này"\ndemo = true\n', "utf-8"
                )
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(pem.armor("CERTIFICATE", certificate.dump()))
            fresh.replace(path)

    def signer(self, role: Role) -> Signer:
        """The key of a role, opened once. Raises the errors of its device, DemoKeyRefused, BadSettings."""
        if role not in self._signers:
            seat = self.roster.seat(role)
            self._signers[role] = (
                Pkcs12Signer.open(self.demo_pki.p12(role), self.demo_pki.password)
                if seat is None
                else self._opened(role, seat)
            )
        return self._signers[role]

    def _opened(self, role: Role, seat: Seat) -> Signer:
        if seat.kind is KeyKind.PKCS12:
            path = self.settings.home / seat.file
            return Pkcs12Signer.open(path, self._ask(role, path.name))
        if seat.kind is KeyKind.PKCS11:
            return self._on_token(role, seat)
        from signing.remote import CscService, CscSigner

        service = CscService(
            seat.url,
            seat.credential,
            os.environ.get("SOHOA_CSC_TOKEN", ""),
            version=1 if seat.url.rstrip("/").endswith("/v1") else 2,
            pin=self._ask(role, seat.credential),
            timeout=self.settings.signing.network_seconds,
        )
        return self._open.enter_context(CscSigner(service))

    def person(self, role: Role) -> str:
        """Who signs; for the agency's key, who operates it."""
        seat = self.roster.seat(role)
        if seat is not None and seat.person:
            return seat.person
        return DEMO_OPERATOR if role is Role.AGENCY else common_name(self.signer(role).certificate)

    def title(self, role: Role) -> str:
        seat = self.roster.seat(role)
        return seat.title if seat is not None else "Chủ tịch (thử nghiệm)" if role is Role.CERTIFIER else ""

    @property
    def agency(self) -> str:
        """Name of the office as its certificate has it; the settings must agree (checked before signing)."""
        if self.is_demo(Role.AGENCY):
            return common_name(self.demo_pki.certificate(Role.AGENCY))
        return self.settings.office.name

    def demo(self, *roles: Role) -> bool:
        """Whether any of these signs with a test key, so that every page is marked."""
        return any(self.is_demo(role) for role in roles)

    # --- what is asked for ---------------------------------------------------------------------------------------------
    def request(
        self, role: Role, product: Product, document_id: str, captured_at: datetime | None = None
    ) -> SignatureRequest:
        seat, person = self.roster.seat(role), self.person(role)
        return SignatureRequest(
            document_id=document_id,
            role=role,
            product=product,
            person=person,
            agency=self.agency,
            captured_at=captured_at,
            level=self.settings.signing.levels[product],
            own_right=seat is not None and seat.own_right,
            delegation=self._delegation(role, product, person),
        )

    def _delegation(self, role: Role, product: Product, person: str) -> DelegationRecord | None:
        """The newest decision for this person, role and product; whether it holds is judged when signing."""
        if role is Role.SCANNER:
            return None  # signs as themselves, TT 01/2023 Đ8 k1
        if self.is_demo(role):
            return DelegationRecord(
                kind=DelegationKind.ASSIGNMENT, number="THỬ NGHIỆM", person=person, agency=self.agency, roles=(role,),
                valid_from=self.demo_pki.certificate(role)["tbs_certificate"]["validity"]["not_before"].native.date(),
            )  # fmt: skip
        theirs = [d for d in self.roster.delegation if same_name(d.person, person) and role in d.roles]
        fitting = [d for d in theirs if product in d.products]
        return max(fitting or theirs, key=lambda d: d.valid_from, default=None)

    # --- signing -------------------------------------------------------------------------------------------------------
    def check(self, request: SignatureRequest, moment: datetime) -> None:
        """All that has to hold before this key signs, without signing. Raises the refusals of `signing.sign_checks`."""
        check_signer(
            self.signer(request.role), request, self.settings.signing, self._validation(request.role), moment
        )

    def sign(self, pdf: bytes, request: SignatureRequest, moment: datetime | None = None) -> Signed:
        """As `signing.sign.sign`, with the office's key, trust and timestamps. A token that is gone is asked for again, with
        its PIN, by the next call."""
        try:
            return sign(
                pdf,
                request,
                self.signer(request.role),
                settings=self.settings.signing,
                validation=self._validation(request.role),
                timestamper=self._timestamper,
                moment=moment,
            )
        except TokenUnavailable:
            self._log_out(request.role)
            raise

    def _log_out(self, role: Role) -> None:
        self._signers.pop(role).close()
        self._lost.add(self.roster.seat(role).library)

    def _on_token(self, role: Role, seat: Seat) -> Signer:
        from signing.pkcs11 import Pkcs11Signer, look_again

        chain = load_trust(self.trust).intermediates
        pin = self._ask(role, seat.token)
        others = (self.roster.seat(other) for other in self._signers)
        if seat.library in self._lost and not any(one and one.library == seat.library for one in others):
            look_again(seat.library)
        opened = Pkcs11Signer(seat.library, seat.token, pin, seat.key or None, chain)
        self._lost.discard(seat.library)
        return self._open.enter_context(opened)

    def _validation(self, role: Role) -> ValidationContext:
        """Whom to trust, with what was learnt of revocation: kept for a batch, made anew for a desk that stays open."""
        demo = self.is_demo(role)
        made, known = self._judged.get(demo, (0.0, None))
        if known is None or monotonic() - made > REFRESH_SECONDS:
            known = self._demo_validation() if demo else self._real_validation()
            self._judged[demo] = (monotonic(), known)
        return known

    def _demo_validation(self) -> ValidationContext:
        return self.demo_pki.validation_context([self.demo_pki.certificate(role) for role in Role])

    def _real_validation(self) -> ValidationContext:
        return signing_validation(self.trust)

    @cached_property
    def _timestamper(self):
        signing = self.settings.signing
        if signing.tsa_url:
            stamper = HttpTimeStamper(signing.tsa_url, signing.network_seconds, waiting=lambda: self.waiting())
            self._open.callback(stamper.close)
            return stamper
        return None if signing.production else self.demo_pki.timestamper()

    # --- checking ------------------------------------------------------------------------------------------------------
    @cached_property
    def trust(self) -> TrustSettings:
        return TrustSettings.of(self.settings.signing, self.settings.home)

    def verify(self, pdf: bytes, name: str) -> FileVerdict:
        """What anybody would find."""
        return verify_file(pdf, name, self.checking_trust)

    @property
    def checking_trust(self) -> TrustSettings:
        """With which what was signed here is verified. Answers about demo certificates stand in the file or nowhere: nothing
        is fetched."""
        return replace(self.trust, online=False) if self.demo(*Role) else self.trust

    def must_be_valid(self, pdf: bytes, name: str, signatures: int) -> FileVerdict:
        """Verifies a file that was just signed. Raises OutputInvalid unless it is valid, with so many signatures."""
        return sound(self.verify(pdf, name), signatures)


def sound(found: FileVerdict, signatures: int) -> FileVerdict:
    """Raises OutputInvalid unless it is valid, with so many signatures."""
    if found.verdict is not Verdict.VALID or len(found.signatures) != signatures:
        raise OutputInvalid(f"{found.verdict}, {len(found.signatures)} signatures: {', '.join(found.reasons)}")
    return found
