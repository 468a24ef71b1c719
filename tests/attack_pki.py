"""A small certificate world for the tests of the verifier: quick keys (P-256), any dates, answers for any day, and
impostors. The timestamp authority has RSA because pyHanko's stand-in knows no other."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.trust import TrustSettings

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)
DAY = timedelta(days=1)
FRESH = timedelta(days=7)


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: object

    @cached_property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def private(self) -> keys.PrivateKeyInfo:
        der = self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return keys.PrivateKeyInfo.load(der)


def _name(common: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


class Pki:
    """Root, issuing CA, timestamp authority; issues what a test needs."""

    def __init__(self, name: str = "Gốc thử") -> None:
        self.name = name
        self.root = self.issue(name, ca=True, issuer=None)
        self.ca = self.issue("CA cấp dưới", ca=True, issuer=self.root)

    @cached_property
    def tsa(self) -> Holder:
        return self.issue("Máy chủ dấu thời gian", purposes=("time_stamping",), key=_rsa(2048))

    def issue(
        self,
        common: str,
        organisation: str = "Ủy ban nhân dân xã An Thử",
        *,
        issuer: Holder | str | None = "ca",
        ca: bool = False,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        usage: tuple[str, ...] = ("digital_signature", "content_commitment"),
        purposes: tuple[str, ...] = (),
        key=None,
        serial: int | None = None,
        crl_url: str = "",
        ocsp_url: str = "",
    ) -> Holder:
        key = key or ec.generate_private_key(ec.SECP256R1())
        signer = self.ca if issuer == "ca" else issuer
        subject = _name(common, organisation)
        if ca:
            usage = ("key_cert_sign", "crl_sign")
        names = (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        )  # fmt: skip
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(signer.certificate.subject if signer else subject)
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(not_before or NOW - YEAR)
            .not_valid_after(not_after or NOW + (20 * YEAR if ca else 5 * YEAR))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**{name: name in usage for name in names}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if purposes:
            oids = [getattr(ExtendedKeyUsageOID, purpose.upper()) for purpose in purposes]
            builder = builder.add_extension(x509.ExtendedKeyUsage(oids), critical=True)
        if signer:
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.certificate.public_key())
            builder = builder.add_extension(authority, critical=False)
        if crl_url:
            where = [x509.UniformResourceIdentifier(crl_url)]
            points = x509.CRLDistributionPoints([x509.DistributionPoint(where, None, None, None)])
            builder = builder.add_extension(points, critical=False)
        if ocsp_url:
            access = x509.AccessDescription(
                x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = builder.sign(signer.key if signer else key, hashes.SHA256())
        return Holder(certificate, key)

    def crl(
        self,
        at: datetime = NOW,
        revoked: dict[int, datetime] | None = None,
        issuer: Holder | None = None,
        fresh: timedelta = FRESH,
    ) -> bytes:
        issuer = issuer or self.ca
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(at)
            .next_update(at + fresh)
        )
        for serial, since in (revoked or {}).items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def crls(self, at: datetime = NOW, revoked: dict[int, datetime] | None = None) -> list[bytes]:
        """Of the issuing CA and of the root."""
        return [self.crl(at, revoked), self.crl(at, issuer=self.root)]

    def ocsp(
        self, certificate: x509.Certificate, at: datetime = NOW, revoked: datetime | None = None
    ) -> bytes:
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=certificate,
            issuer=self.ca.certificate,
            algorithm=hashes.SHA1(),
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=at,
            next_update=at + FRESH,
            revocation_time=revoked,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.ca.certificate)
        return builder.sign(self.ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def signer(self, holder: Holder, *, others: tuple[Holder, ...] | None = None) -> SimpleSigner:
        registry = SimpleCertificateStore()
        registry.register_multiple([each.asn1 for each in (others if others is not None else (self.ca,))])
        return SimpleSigner(signing_cert=holder.asn1, signing_key=holder.private, cert_registry=registry)

    def timestamper(self, at: datetime = NOW, tsa: Holder | None = None) -> DummyTimeStamper:
        tsa = tsa or self.tsa
        registry = SimpleCertificateStore()
        registry.register_multiple([self.ca.asn1])
        return DummyTimeStamper(tsa.asn1, tsa.private, certs_to_embed=registry, fixed_dt=at)

    def context(self, at: datetime = NOW) -> ValidationContext:
        """For embedding: fresh lists of a day."""
        return ValidationContext(
            trust_roots=[self.root.asn1],
            other_certs=[self.ca.asn1],
            crls=self.crls(at),
            moment=at,
            revocation_mode="require",
            retroactive_revinfo=True,
        )

    def trust(self, folder: Path, crls: list[bytes] = (), **options) -> TrustSettings:
        """A trust folder with this root and, brought by hand, some lists; nothing is fetched."""
        anchors = folder / "anchors"
        anchors.mkdir(parents=True, exist_ok=True)
        pem = self.root.certificate.public_bytes(serialization.Encoding.PEM)
        (anchors / "root.crt").write_bytes(pem)
        (anchors / "root.toml").write_text('source = "made by the test"\n', "utf-8")
        lists = folder / "crls"
        lists.mkdir(exist_ok=True)
        for at, der in enumerate(crls):
            (lists / f"{at}.crl").write_bytes(der)
        return TrustSettings(folder, **options)


def _rsa(bits: int):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def rsa_key(bits: int):
    """A key that is too short for an honest signer, where bits say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _rsa(bits)
