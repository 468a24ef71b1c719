"""What a check of PDF/A-2b says."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A broken rule: a stable word for it, the clause of ISO 19005-2:2011, and where."""

    rule: str
    clause: str
    detail: str
