"""Had who certified the right to, on that day: the office's own list of authorisations and assignments (`keys.toml`) held
against a verified file (domain law G.2 point 5).

A remark, never a verdict: signatures are what they are, the list may lack what was before it was kept, and other offices' lists
are not here. It names nobody and no decision; the signer's name stands in the signature.
"""

from __future__ import annotations

from datetime import datetime

from schemas.errors import BadSettings
from schemas.roster import Roster, load_roster
from schemas.settings import Settings
from schemas.signing import FIELD_NAMES, FileVerdict, Product, Reason, Role, SignatureVerdict
from schemas.zone import VIETNAM
from signing.delegation import in_force, same_name
from signing.verdict import ordered, reason


def roster_of(settings: Settings) -> Roster | None:
    """None where there is nothing to hold a file against: no key file, or one that cannot be read (`sohoa doctor` says so)."""
    try:
        found = load_roster(settings.home)
    except BadSettings:
        return None
    return found if found.delegation or found.certifier else None


def with_delegation(verdict: FileVerdict, roster: Roster | None, office: str) -> FileVerdict:
    """The verdict with a remark for each certifying person of this office who was not authorised on the day of signing."""
    if roster is None:
        return verdict
    product = verdict.known.product if verdict.known and verdict.known.product else Product.CERTIFIED_COPY
    said = [
        remark
        for signature in verdict.signatures
        if signature.field == FIELD_NAMES[Role.CERTIFIER] and signature.time and not signature.demo
        if (remark := _remark(signature, roster, office, product)) is not None
    ]
    if not said:
        return verdict
    return verdict.model_copy(update={"explanations": ordered([*verdict.explanations, *said])})


def _remark(signature: SignatureVerdict, roster: Roster, office: str, product: Product) -> Reason | None:
    """None: they were, or this office's list does not know them."""
    if not (signature.intact and signature.trusted and same_name(signature.agency, office)):
        return None
    seat = roster.certifier
    seated = seat is not None and same_name(seat.person, signature.signer)
    theirs = [d for d in roster.delegation if same_name(d.person, signature.signer)]
    if (seated and seat.own_right) or not (seated or theirs):
        return None
    day = datetime.fromisoformat(signature.time).astimezone(VIETNAM).date()
    if any(in_force(d, day) and Role.CERTIFIER in d.roles and product in d.products for d in theirs):
        return None
    return reason("delegation_not_in_force", signature.field, f"ngày ký {day:%d/%m/%Y}.")
