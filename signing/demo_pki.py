"""A small public key infrastructure of our own, so that everything runs offline at once.

Root, issuing CA, scanning clerk, certifying person, agency, timestamp authority, CRL and OCSP. The keys are made fresh on
the first run and never leave the folder; every name in it says that it is a test (`MARK`).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from asn1crypto import cms, core, crl, keys, ocsp, x509
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import ocsp as pyca_ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.general import as_signing_certificate_v2, simple_cms_attribute
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from schemas.signing import Role
from signing.demo_mark import MARK
from signing.identities import common_name

KEY_BITS = 2048
PEOPLE: dict[Role, str] = {Role.SCANNER: "Nguyễn Thị Quét", Role.CERTIFIER: "Trần Văn Chứng"}
AGENCY = "Ủy ban nhân dân xã Thử Nghiệm"
BASE_URL = "http://demo-pki.invalid"
"""Never resolves (RFC 2606): the answers are made in process."""
FRESH = timedelta(days=7)
"""How long a CRL or OCSP answer holds."""


def _name(common: str, organisation: str = "") -> pyca.Name:
    """Subject with the mark in it: in the common name where its 64 characters allow, in the unit always."""
    marked = f"{common} – {MARK}"
    parts = {
        NameOID.COUNTRY_NAME: "VN",
        NameOID.ORGANIZATION_NAME: organisation[:64],
        NameOID.ORGANIZATIONAL_UNIT_NAME: MARK,
        NameOID.COMMON_NAME: marked if len(marked) <= 64 else common[:64],
    }
    with warnings.catch_warnings():
        # X.520 limits characters, cryptography's check counts bytes of UTF-8: too few for Vietnamese names.
        warnings.filterwarnings("ignore", message="Attribute's length")
        return pyca.Name(
            [pyca.NameAttribute(oid, text, _validate=False) for oid, text in parts.items() if text]
        )


def _asn1(certificate: pyca.Certificate) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _pyca(certificate: x509.Certificate) -> pyca.Certificate:
    return pyca.load_der_x509_certificate(certificate.dump())


def _key_usage(*wanted: str) -> pyca.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return pyca.KeyUsage(**{name: name in wanted for name in names})


def _private(path: Path, data: bytes) -> None:
    """Written for the owner alone from the first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class DemoTimeStamper(DummyTimeStamper):
    """RFC 3161 authority in process. `clock` lets tests live in another year."""

    def __init__(self, certificate: x509.Certificate, key: rsa.RSAPrivateKey, chain, clock=None) -> None:
        der = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        store = SimpleCertificateStore()
        store.register_multiple(chain)
        super().__init__(certificate, keys.PrivateKeyInfo.load(der), certs_to_embed=store)
        self._key = key
        self._clock = clock

    def request_tsa_response(self, req):
        if self._clock is not None:
            self.fixed_dt = self._clock()
        return super().request_tsa_response(req)

    def _sign_tst_info(self, tst_info_data, md_algorithm, dt):
        """As pyHanko's, but names its certificate by SHA-256 (RFC 5816): SHA-1 would be flagged as weak."""
        digest = hashes.Hash(hashes.SHA256())
        digest.update(tst_info_data)
        attributes = cms.CMSAttributes(
            [
                simple_cms_attribute("content_type", "tst_info"),
                simple_cms_attribute("signing_time", cms.Time({"utc_time": core.UTCTime(dt)})),
                simple_cms_attribute("signing_certificate_v2", as_signing_certificate_v2(self.tsa_cert)),
                simple_cms_attribute("message_digest", digest.finalize()),
            ]
        )
        return self._key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256()), attributes


class DemoPki:
    """The files of one demo PKI folder. Raises OSError when the folder cannot be made or read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = self._certificate("root")
        self.ca = self._certificate("ca")
        self.tsa = self._certificate("tsa")

    @classmethod
    def open(cls, folder: Path, *, agency: str = AGENCY, people: dict[Role, str] | None = None) -> DemoPki:
        """The PKI in `folder`; made on first use. Two processes starting at once end up with one and the same."""
        if not (folder / "ready").exists():
            _make(folder, agency, PEOPLE | (people or {}))
        return cls(folder)

    def rename(self, agency: str) -> None:
        """Other certificates for the signers, of this agency, from the same authorities: the demo PKI is made before an
        office has written its name down. What was signed before stays signed."""
        people = {role: common_name(self.certificate(role)) for role in PEOPLE}
        fresh = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}-", dir=self.folder.parent))  # 0700
        try:
            chain = [_pyca(self.ca), _pyca(self.root)]
            _make_signers(fresh, chain, self._ca_key, agency, people, self.password)
            # The agency's certificate is what tells whether this was done: it goes last.
            done = f"{Role.AGENCY}.pem"
            for path in sorted(fresh.iterdir(), key=lambda path: path.name == done):
                path.replace(self.folder / path.name)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    # --- who there is
    def p12(self, role: Role) -> Path:
        """Key file of the scanning clerk, the certifying person or the agency."""
        return self.folder / f"{role}.p12"

    @property
    def password(self) -> str:
        """Of all key files here."""
        return (self.folder / "password").read_text("ascii")

    def certificate(self, role: Role) -> x509.Certificate:
        return self._certificate(role)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What stands between a signer and the trust anchor, and the anchor."""
        return (self.ca, self.root)

    def issue(
        self,
        common: str,
        organisation: str = "",
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        usage: tuple[str, ...] = ("digital_signature", "content_commitment"),
        key: rsa.RSAPrivateKey | None = None,
        public_key=None,
        timestamping: bool = False,
    ) -> tuple[x509.Certificate, rsa.RSAPrivateKey | None]:
        """One more certificate of the issuing CA. With `public_key` (of a token) no private key comes back."""
        if key is None and public_key is None:
            key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        certificate = _issued(
            _pyca(self.ca), self._ca_key, _name(common, organisation), public_key or key.public_key(),
            not_before, not_after, usage, timestamping,
        )  # fmt: skip
        return _asn1(certificate), key

    # --- what is said about certificates
    def revoke(
        self, certificate: x509.Certificate, moment: datetime | None = None, reason: str = "key_compromise"
    ) -> None:
        """From `moment` (now) on. `reason` as in RFC 5280, for example certificate_hold."""
        path = self.folder / "revoked.json"
        revoked = json.loads(path.read_text())
        moment = moment or datetime.now(UTC)
        revoked[f"{certificate.serial_number:x}"] = [moment.astimezone(UTC).isoformat(), reason]
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(revoked))
        fresh.replace(path)

    def crl(self, *, of_root: bool = False, moment: datetime | None = None) -> crl.CertificateList:
        """Revocation list of the issuing CA (or of the root), as published at `moment` (now)."""
        moment = moment or datetime.now(UTC)
        issuer, key = (self.root, self._root_key) if of_root else (self.ca, self._ca_key)
        builder = (
            pyca.CertificateRevocationListBuilder()
            .issuer_name(_pyca(issuer).subject)
            .last_update(moment)
            .next_update(moment + FRESH)
            .add_extension(pyca.CRLNumber(int(moment.timestamp())), critical=False)
            .add_extension(
                pyca.AuthorityKeyIdentifier.from_issuer_public_key(_pyca(issuer).public_key()), critical=False
            )
        )
        for serial, (at, reason) in {} if of_root else self._revoked(moment).items():
            builder = builder.add_revoked_certificate(
                pyca.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(at)
                .add_extension(pyca.CRLReason(_reason(reason)), critical=False)
                .build()
            )
        made = builder.sign(key, hashes.SHA256())
        return crl.CertificateList.load(made.public_bytes(serialization.Encoding.DER))

    def ocsp(self, certificate: x509.Certificate, moment: datetime | None = None) -> ocsp.OCSPResponse:
        """Answer of the issuing CA about one of its certificates, as given at `moment` (now)."""
        moment = moment or datetime.now(UTC)
        at, reason = self._revoked(moment).get(certificate.serial_number, (None, None))
        issuer = _pyca(self.ca)
        builder = pyca_ocsp.OCSPResponseBuilder().add_response(
            cert=_pyca(certificate),
            issuer=issuer,
            algorithm=hashes.SHA1(),  # names the certificate (RFC 6960); what is signed is signed with SHA-256
            cert_status=pyca_ocsp.OCSPCertStatus.REVOKED if at else pyca_ocsp.OCSPCertStatus.GOOD,
            this_update=moment,
            next_update=moment + FRESH,
            revocation_time=at,
            revocation_reason=_reason(reason) if reason else None,
        )
        made = builder.responder_id(pyca_ocsp.OCSPResponderEncoding.HASH, issuer).sign(
            self._ca_key, hashes.SHA256()
        )
        return ocsp.OCSPResponse.load(made.public_bytes(serialization.Encoding.DER))

    def validation_context(
        self,
        certificates: Iterable[x509.Certificate] = (),
        moment: datetime | None = None,
        **options,
    ) -> ValidationContext:
        """A context that trusts this root and holds fresh answers about `certificates` and the TSA; fetches nothing.

        `moment`: when the answers are given and the paths are judged; `options` go to pyHanko's context.
        """
        asked = {certificate.serial_number: certificate for certificate in (*certificates, self.tsa)}
        options.setdefault("revocation_mode", "require")
        return ValidationContext(
            trust_roots=[self.root],
            other_certs=[self.ca, self.tsa],
            ocsps=[self.ocsp(certificate, moment) for certificate in asked.values()],
            crls=[self.crl(of_root=True, moment=moment), self.crl(moment=moment)],
            moment=moment,
            allow_fetching=False,
            **options,
        )

    def timestamper(self, clock=None) -> DemoTimeStamper:
        """The timestamp authority; `clock() -> datetime` with offset, now when None."""
        return DemoTimeStamper(self.tsa, self._key("tsa"), self.chain, clock)

    def publish(self, trust_folder: Path) -> None:
        """Puts root, issuing CA and today's revocation lists where a verifier looks (`signing.trust`), noted as a test.

        To be called again before the lists end (`FRESH`); what is there is replaced file by file.
        """
        note = 'source = "PKI thử nghiệm, tạo trên máy này khi chạy sohoa init"\ndemo = true\n'
        files = {
            "anchors/sohoa-demo-root.crt": self.root.dump(),
            "anchors/sohoa-demo-root.toml": note.encode(),
            "intermediates/sohoa-demo-ca.crt": self.ca.dump(),
            "crls/sohoa-demo-root.crl": self.crl(of_root=True).dump(),
            "crls/sohoa-demo-ca.crl": self.crl().dump(),
        }
        for name, data in files.items():
            path = trust_folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            fresh.write_bytes(data)
            fresh.replace(path)

    # --- inside
    @cached_property
    def _ca_key(self) -> rsa.RSAPrivateKey:
        return self._key("ca")

    @cached_property
    def _root_key(self) -> rsa.RSAPrivateKey:
        return self._key("root")

    def _key(self, name: str) -> rsa.RSAPrivateKey:
        return serialization.load_pem_private_key((self.folder / f"{name}.key").read_bytes(), None)

    def _certificate(self, name: str) -> x509.Certificate:
        return _asn1(pyca.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes()))

    def _revoked(self, moment: datetime) -> dict[int, tuple[datetime, str]]:
        """Serial -> (since when, why), as known at `moment`."""
        stored = json.loads((self.folder / "revoked.json").read_text())
        known = {
            int(serial, 16): (datetime.fromisoformat(at), reason) for serial, (at, reason) in stored.items()
        }
        return {serial: entry for serial, entry in known.items() if entry[0] <= moment}


def _reason(name: str) -> pyca.ReasonFlags:
    return getattr(pyca.ReasonFlags, name)


def _issued(
    issuer: pyca.Certificate,
    issuer_key,
    subject: pyca.Name,
    public_key,
    not_before,
    not_after,
    usage,
    timestamping,
) -> pyca.Certificate:
    now = datetime.now(UTC)
    issuer_name = issuer.subject
    builder = (
        pyca.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(public_key)
        .serial_number(pyca.random_serial_number())
        .not_valid_before(not_before or now - timedelta(days=1))
        .not_valid_after(not_after or now + timedelta(days=5 * 365))
        .add_extension(pyca.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(*usage), critical=True)
        .add_extension(pyca.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            pyca.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
        .add_extension(_points("ca"), critical=False)
        .add_extension(
            pyca.AuthorityInformationAccess(
                [
                    pyca.AccessDescription(
                        pyca.AuthorityInformationAccessOID.OCSP,
                        pyca.UniformResourceIdentifier(f"{BASE_URL}/ocsp"),
                    )
                ]
            ),
            critical=False,
        )
    )
    if timestamping:
        only = pyca.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(only, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _points(name: str) -> pyca.CRLDistributionPoints:
    where = [pyca.UniformResourceIdentifier(f"{BASE_URL}/{name}.crl")]
    return pyca.CRLDistributionPoints([pyca.DistributionPoint(where, None, None, None)])


def _authority(common: str, years: int, issuer: pyca.Certificate | None, issuer_key):
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    now = datetime.now(UTC)
    subject = _name(common)
    builder = (
        pyca.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(pyca.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=years * 365))
        .add_extension(pyca.BasicConstraints(ca=True, path_length=0 if issuer else None), critical=True)
        .add_extension(_key_usage("key_cert_sign", "crl_sign", "digital_signature"), critical=True)
        .add_extension(pyca.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer:
        builder = builder.add_extension(_points("root"), critical=False).add_extension(
            pyca.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
    return builder.sign(issuer_key or key, hashes.SHA256()), key


def _make_signers(
    folder: Path, chain: list[pyca.Certificate], ca_key, agency: str, people: dict[Role, str], password: str
) -> None:
    """Certificate and key file of each role."""
    for role in Role:
        subject = _name(people[role], agency) if role in people else _name(agency, agency)
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        usage = ("digital_signature", "content_commitment")
        certificate = _issued(chain[0], ca_key, subject, key.public_key(), None, None, usage, False)
        (folder / f"{role}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        packed = pkcs12.serialize_key_and_certificates(
            role.encode(), key, certificate, chain, serialization.BestAvailableEncryption(password.encode())
        )
        _private(folder / f"{role}.p12", packed)


def _make(folder: Path, agency: str, people: dict[Role, str]) -> None:
    """Made aside and moved into place whole, so that a crash leaves nothing half done."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # 0700
    try:
        root, root_key = _authority("Gốc sohoa", 20, None, None)
        ca, ca_key = _authority("CA cấp phát sohoa", 15, root, root_key)
        tsa_key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        tsa = _issued(
            ca, ca_key, _name("Dấu thời gian sohoa"), tsa_key.public_key(),
            None, datetime.now(UTC) + timedelta(days=10 * 365), ("digital_signature", "content_commitment"), True,
        )  # fmt: skip
        for name, certificate, key in (("root", root, root_key), ("ca", ca, ca_key), ("tsa", tsa, tsa_key)):
            (fresh / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
            _private(fresh / f"{name}.key", _pem(key))
        password = secrets.token_urlsafe(16)
        _private(fresh / "password", password.encode())
        _make_signers(fresh, [ca, root], ca_key, agency, people, password)
        (fresh / "revoked.json").write_text("{}")
        (fresh / "ready").write_text("1")
        try:
            fresh.rename(folder)
        except OSError:
            if not (folder / "ready").exists():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
