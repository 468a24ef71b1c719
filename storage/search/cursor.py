"""The place in an answer, handed out as one opaque word and taken back with the same question."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import asdict, dataclass

from schemas.errors import WrongUse
from storage.search.query import Query
from storage.search.tiers import Spelled

_CHANGING = {"cursor", "limit", "offset", "highlights", "facets", "total"}
"""Parts of a query that may differ from page to page."""


@dataclass(frozen=True)
class Place:
    """`tier` and `below`: the next result is of that step or a later one, and has a lower number. `newest`: records with
    higher numbers came after the first page and are left out."""

    tier: int
    below: int
    newest: int
    today: str
    spelled: Spelled
    total: int
    total_is: str


def written(place: Place, query: Query) -> str:
    facts = {**asdict(place), "query": _fingerprint(query)}
    return base64.urlsafe_b64encode(json.dumps(facts, separators=(",", ":")).encode()).decode().rstrip("=")


def read(query: Query) -> Place:
    """Raises WrongUse when it is not a place in an answer to this question."""
    try:
        facts = json.loads(base64.urlsafe_b64decode(f"{query.cursor}==="))
        fingerprint = facts.pop("query")
        spelled = Spelled(**facts.pop("spelled"))
        strings = [*spelled.beginnings, *(w for words in spelled.others for w in words), facts["today"]]
        numbers = [facts[name] for name in ("tier", "below", "newest", "total")]
        if (
            type(spelled.unknown) is not bool
            or not all(isinstance(s, str) for s in strings)
            or not all(type(n) is int and n >= 0 for n in numbers)
        ):
            raise ValueError("wrong kind of value")
        place = Place(spelled=spelled, **facts)
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, RecursionError) as error:
        raise WrongUse("cursor: not one that was handed out here") from error
    if fingerprint != _fingerprint(query):
        raise WrongUse("cursor: it belongs to another query")
    return place


def _fingerprint(query: Query) -> str:
    asked = query.model_dump(mode="json", exclude=_CHANGING)
    for name, value in asked.items():
        if isinstance(value, list) and name in ("visible_units", "without_limit"):
            asked[name] = sorted(value)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
