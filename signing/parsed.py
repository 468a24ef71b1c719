"""Certificates, CRLs and OCSP answers out of bytes, each read once.

The same few certificates stand in every signature, timestamp and security store of an office's files, and reading one, its
names above all (RFC 4518), costs more than checking a signature with it. What was read from equal bytes is equal, so it is kept
and found again by its bytes. Kept for each thread apart: asn1crypto reads late and in steps, and two threads must not meet
in one half-read value.
"""

from __future__ import annotations

import threading
from functools import lru_cache

from asn1crypto import cms, crl, ocsp, x509
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info, match_issuer_serial

KEPT = 100
"""In each thread: an office meets some ten certificates a day, and a read one takes a hundred kilobytes."""
MAX_KEPT_BYTES = 20_000
"""Larger ones, lists of large authorities, are read anew: memory stays bounded."""


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.read = lru_cache(maxsize=KEPT)(_read)


def parsed(kind, der: bytes):
    """A certificate, list or OCSP answer of which the parts that every check reads are known to be readable; not to be
    changed. Raises ValueError, TypeError, KeyError."""
    return _of_thread.read(kind, der) if len(der) <= MAX_KEPT_BYTES else _read(kind, der)


def _read(kind, der: bytes):
    value = kind.load(der)
    if kind is crl.CertificateList:
        _ = value["tbs_cert_list"]["this_update"].native, value.issuer.native
    elif kind is ocsp.OCSPResponse:
        if value["response_status"].native != "successful":
            raise ValueError("not an answer")
        _ = value.response_data["responses"][0]["this_update"].native
    else:
        _ = value.subject.native, value.issuer.native, value.public_key.algorithm
    return value


_of_thread = _OfThread()


def certificates_in(signed_data: cms.SignedData) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """The signer's certificate in a CMS structure, and the others. Raises CMSExtractionError when the signer's is not there.

    As pyHanko finds it (RFC 5652 §5.3), but a name is only compared where the serial number fits already."""
    (signer_info,) = signed_data["signer_infos"]
    signer = signer_info["sid"]
    if signer.name != "issuer_and_serial_number":
        found = extract_certificate_info(signed_data)
        return found.signer_cert, list(found.other_certs)
    serial, own, others = signer.chosen["serial_number"].native, None, []
    for choice in signed_data["certificates"]:
        if choice.name != "certificate":
            continue
        try:
            certificate = parsed(x509.Certificate, choice.chosen.untag().dump())
        except (ValueError, TypeError, KeyError):
            continue  # rubbish beside a signer's certificate helps nobody and harms nobody
        if certificate.serial_number == serial and match_issuer_serial(signer.chosen, certificate):
            own = certificate
        else:
            others.append(certificate)
    if own is None:
        raise CMSExtractionError("the signer's certificate is not in the signature")
    return own, others
