"""Who may sign for whom: names on certificates, and authorisations and assignments with their dates.

NĐ 280/2025 (người thực hiện chứng thực: Chủ tịch UBND cấp xã, or who is authorised or assigned); NĐ 30/2020 Đ32, Đ33 (văn thư
operates the agency's key).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from asn1crypto import x509

from schemas.signing import DelegationKind, DelegationRecord, Role, SignatureRequest
from schemas.signing_errors import NoDelegation, WrongHolder
from signing.identities import common_name

_TONES = "\u0300\u0301\u0303\u0309\u0323"
_SHORT = {"ubnd": "ủy ban nhân dân", "tp": "thành phố", "hđnd": "hội đồng nhân dân"}


def name_key(name: str) -> tuple[tuple[str, str], ...]:
    """Equal for two spellings of one name: case, spaces, dashes, UBND written out, either tone placement (hòa, hoà)."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", name).casefold())
    written = " ".join(_SHORT.get(word, word) for word in words)
    key = []
    for word in written.split():
        apart = unicodedata.normalize("NFD", word)
        tone = "".join(mark for mark in apart if mark in _TONES)
        key.append((unicodedata.normalize("NFC", "".join(c for c in apart if c not in _TONES)), tone))
    return tuple(key)


def same_name(one: str, other: str) -> bool:
    return bool(name_key(one)) and name_key(one) == name_key(other)


def check_holder(certificate: x509.Certificate, request: SignatureRequest) -> None:
    """Raises WrongHolder when the certificate is not of the person (or, for the agency's role, the agency) asked for."""
    wanted = request.agency if request.role is Role.AGENCY else request.person
    found = common_name(certificate)
    if not same_name(found, wanted):
        raise WrongHolder(f"certificate of „{found}“, wanted „{wanted}“")


def in_force(record: DelegationRecord, day: date) -> bool:
    """The last day counts, the day of withdrawal does not; `day` in Asia/Ho_Chi_Minh."""
    ended = record.valid_to is not None and day > record.valid_to
    return record.valid_from <= day and not ended and (record.withdrawn_on is None or day < record.withdrawn_on)


def check_delegation(request: SignatureRequest, today: date) -> None:
    """Raises NoDelegation when the person may not sign so on that day (Asia/Ho_Chi_Minh).

    The certifying person needs one unless they sign in their own right; who operates the agency's key (`request.person`)
    needs one as well. The scanning clerk signs as themselves; a delegation that is given has to hold all the same.
    """
    record = request.delegation
    if record is None:
        operated = request.role is Role.AGENCY and bool(request.person)
        if (request.role is Role.CERTIFIER or operated) and not request.own_right:
            raise NoDelegation(f"{request.person} for {request.agency}: none given")
        return
    problems = []
    if not same_name(record.person, request.person):
        problems.append(f"it is for „{record.person}“")
    if request.agency and not same_name(record.agency, request.agency):
        problems.append(f"it is of „{record.agency}“")
    if request.role not in record.roles:
        problems.append(f"it does not cover the role {request.role}")
    if request.product not in record.products:
        problems.append(f"it does not cover {request.product}")
    if today < record.valid_from:
        problems.append(f"it begins on {record.valid_from}")
    if record.valid_to is not None and today > record.valid_to:
        problems.append(f"it ended on {record.valid_to}")
    if record.withdrawn_on is not None and today >= record.withdrawn_on:
        problems.append(f"it was withdrawn on {record.withdrawn_on}")
    if problems:
        kind = "uỷ quyền" if record.kind is DelegationKind.AUTHORISATION else "phân công"
        raise NoDelegation(f"{kind} {record.number}: {'; '.join(problems)}")
