"""Finding records among millions, and whether they are in force. See docs/search.md."""

import storage.catalogue  # noqa: F401  (the catalogue indexes what it writes; loaded first, whoever begins)
from storage.search.finding import Found, search
from storage.search.query import Facets, Match, Query, Snippet, TotalIs, Validity
from storage.search.validity import Act, ActRow, acts, record_act, reusable, validity_of, why

__all__ = [
    "Act",
    "ActRow",
    "Facets",
    "Found",
    "Match",
    "Query",
    "Snippet",
    "TotalIs",
    "Validity",
    "acts",
    "record_act",
    "reusable",
    "search",
    "validity_of",
    "why",
]
