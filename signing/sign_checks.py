"""What has to hold before a key is used. Nothing is signed on a guess: what cannot be known is a refusal."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from datetime import datetime
from typing import TypeVar

from asn1crypto import x509
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    PathValidationError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath

from schemas.signing import SignatureRequest, SigningSettings
from schemas.signing_errors import (
    CertificateOutOfTime,
    CertificateRevoked,
    CertificateUntrusted,
    DemoKeyRefused,
    RevocationUnknown,
    WeakKey,
    WrongKeyUsage,
)
from schemas.zone import VIETNAM
from signing.delegation import check_delegation, check_holder
from signing.demo_mark import is_demo
from signing.identities import Signer, key_facts

T = TypeVar("T")
LEAST_BITS = {"rsa": 2048, "ec": 256}
_PATHS: weakref.WeakKeyDictionary[ValidationContext, dict[bytes, ValidationPath]] = (
    weakref.WeakKeyDictionary()
)
"""Paths already judged in a context: a batch is signed by one certificate."""
_STAMPER_PATHS: weakref.WeakKeyDictionary[
    ValidationContext, weakref.WeakKeyDictionary[TimeStamper, list[ValidationPath]]
] = weakref.WeakKeyDictionary()


def check_signer(
    signer: Signer,
    request: SignatureRequest,
    settings: SigningSettings,
    validation: ValidationContext,
    moment: datetime,
) -> ValidationPath:
    """The path from the signer's certificate to a trust anchor, revocation asked at every step.

    Raises DemoKeyRefused, WeakKey, WrongKeyUsage, CertificateOutOfTime, WrongHolder, NoDelegation, CertificateRevoked,
    CertificateUntrusted, RevocationUnknown.
    """
    certificate = signer.certificate
    if settings.production and is_demo(certificate):
        raise DemoKeyRefused(f"certificate {certificate.serial_number:x}")
    check_key(certificate)
    check_usage(certificate)
    check_time(certificate, moment)
    check_holder(certificate, request)
    check_delegation(request, moment.astimezone(VIETNAM).date())
    return trusted_path(certificate, signer.chain, validation)


def check_key(certificate: x509.Certificate) -> None:
    """RSA from 2048, ECDSA from 256 bits, and the certificate itself not signed with SHA-1 or older."""
    algorithm, bits = key_facts(certificate)
    if bits < LEAST_BITS.get(algorithm, 1 << 30):
        raise WeakKey(f"{algorithm} {bits}")
    digest = certificate["signature_algorithm"].hash_algo
    if digest in ("md2", "md5", "sha1"):
        raise WeakKey(f"the certificate is signed with {digest}")


def check_usage(certificate: x509.Certificate) -> None:
    """digitalSignature or nonRepudiation; not a CA; an extended usage must not be for something else alone."""
    usage = certificate.key_usage_value
    if usage is not None and not {"digital_signature", "non_repudiation"} & usage.native:
        raise WrongKeyUsage(f"key usage: {', '.join(sorted(usage.native)) or 'none'}")
    if certificate.ca:
        raise WrongKeyUsage("the certificate is an authority's own")
    extended = certificate.extended_key_usage_value
    if extended is not None and set(extended.native) <= {
        "time_stamping",
        "ocsp_signing",
        "server_auth",
        "code_signing",
    }:
        raise WrongKeyUsage(f"extended key usage: {', '.join(extended.native)}")


def check_time(certificate: x509.Certificate, moment: datetime) -> None:
    validity = certificate["tbs_certificate"]["validity"]
    begins, ends = validity["not_before"].native, validity["not_after"].native
    if not begins <= moment <= ends:
        raise CertificateOutOfTime(
            f"valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, signing at {moment:%Y-%m-%d}"
        )


def trusted_path(
    certificate: x509.Certificate, chain: tuple[x509.Certificate, ...], validation: ValidationContext
) -> ValidationPath:
    """The validated path in this context; known ones are not judged twice."""
    known = _PATHS.setdefault(validation, {})
    path = known.get(certificate.sha256)
    if path is None:
        validator = CertificateValidator(certificate, intermediate_certs=chain, validation_context=validation)
        try:
            path = run(validator.async_validate_usage(set()))
        except RevokedError as error:
            raise CertificateRevoked(str(error)) from error
        except InsufficientRevinfoError as error:
            raise RevocationUnknown(str(error)) from error
        except (ExpiredError, NotYetValidError) as error:
            raise CertificateOutOfTime(str(error)) from error
        except (PathBuildingError, PathValidationError, ValidationError) as error:
            raise CertificateUntrusted(str(error)) from error
        known[certificate.sha256] = path
    return path


async def timestamp_paths(timestamper: TimeStamper, validation: ValidationContext) -> list[ValidationPath]:
    """Paths of the authority's certificates, learnt from a dummy request. Raises pyHanko's validation errors."""
    known = _STAMPER_PATHS.setdefault(validation, weakref.WeakKeyDictionary())
    if timestamper not in known:
        known[timestamper] = [path async for path in timestamper.validation_paths(validation)]
    return known[timestamper]


def run(work: Coroutine[None, None, T]) -> T:
    """pyHanko speaks asyncio; our callers do not, and some of them run inside somebody else's loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    done: list = []

    def apart() -> None:
        try:
            done.append((asyncio.run(work), None))
        except BaseException as error:
            done.append((None, error))

    thread = threading.Thread(target=apart)
    thread.start()
    thread.join()
    value, error = done[0]
    if error is not None:
        raise error
    return value
