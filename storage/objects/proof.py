"""What the last probe of a store saw, remembered for a day in the home folder, so that not every start writes and deletes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from schemas.objects_errors import StoreUnfit
from schemas.store import StoreCapabilities
from storage.objects.protocol import ObjectStore

FILE = "store-proof.json"
LASTS = timedelta(days=1)


def proved(
    store: ObjectStore, home: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> StoreCapabilities:
    """What the store was seen to do, within the last day or now. Only a store that is fit is remembered: one that is not
    is tried again, so that what was put right counts at once. Raises StoreUnavailable, SetupError."""
    known = _known(home).get(store.url)
    if known is not None:
        # A time ahead of the clock proves nothing: the clock was set back, or had run ahead.
        with suppress(ValidationError, ValueError, KeyError, TypeError):
            at = datetime.fromisoformat(known["at"])
            if timedelta(0) <= clock() - at < LASTS:
                return StoreCapabilities.model_validate(known["seen"])
    seen = store.probe()
    if seen.fit_for_archive:
        remember(store.url, seen, home, clock())
    return seen


def remember(url: str, seen: StoreCapabilities, home: Path, at: datetime) -> None:
    """Written whole or not at all; a home folder that cannot be written is no reason to stop."""
    everything = _known(home) | {url: {"at": at.isoformat(), "seen": seen.model_dump(mode="json")}}
    part = home / f".{FILE}.{os.getpid()}"
    with suppress(OSError):
        part.write_text(json.dumps(everything, indent=1), "utf-8")
        part.replace(home / FILE)


def need_fit(seen: StoreCapabilities) -> None:
    """Raises StoreUnfit, naming what the store does not do."""
    if not seen.fit_for_archive:
        raise StoreUnfit(", ".join(seen.lacks))


def _known(home: Path) -> dict:
    try:
        found = json.loads((home / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
