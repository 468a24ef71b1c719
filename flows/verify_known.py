"""Is a file one of ours: what register and archive say of its bytes, or of the code on its pages.

The answer holds ids, a number and dates: nothing of what a record says and nobody's name (Luật BVDLCN 91/2025/QH15). Bytes
speak first; a code only says which record a file claims to be, as anybody can copy a QR.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from flows.page_codes import PageCodes
from schemas.document import DocumentStatus
from schemas.errors import NoHome, NotFound
from schemas.register import BOOK_OF, RegisterEntry
from schemas.settings import Settings
from schemas.signing import KnownCopy, KnownStatus, Product
from signing.verify import KnownLookup
from storage.catalogue import Catalogue
from storage.objects import ObjectStore, open_archive
from storage.register import Register

_CODE = re.compile(r"(?<![0-9A-Za-z])[DV]-[0-9A-HJKMNP-TV-Z]{12}(?![0-9A-Za-z])")
"""D-: a record (`flows.sign_batch`); V-: an issued copy (`flows.copies_issue`). In a link or between bars."""
_PRODUCT_OF = {kind: product for product, kind in BOOK_OF.items()}


def has_catalogue(settings: Settings) -> bool:
    """Whether this home can be asked at all; a file may be verified without one."""
    return bool(settings.catalogue_url) or (settings.home / "catalogue.sqlite").is_file()


def known_copies(settings: Settings) -> KnownCopies:
    """A `known` for `signing.verify`: `known(sha256, codes)`. Raises NoHome without a catalogue."""
    if not has_catalogue(settings):
        raise NoHome(str(settings.home))
    return KnownCopies(settings)


@dataclass
class _Opened:
    catalogue: Catalogue
    store: ObjectStore
    register: Register


class KnownCopies:
    """Asks the home's register and catalogue; opened on first use, again in every process it is sent to.

    Calls raise CatalogueUnavailable and SetupError: a verdict without asking would call a cancelled copy good.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.codes = PageCodes()
        self._opened: _Opened | None = None
        self._lock = threading.Lock()

    def __reduce__(self):
        return (type(self), (self.settings,))

    def __enter__(self) -> KnownCopies:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.codes.close()
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.store.close()
            opened.catalogue.close()

    def __call__(self, sha256: str, codes: Sequence[str]) -> KnownCopy | None:
        """By the SHA-256 of the bytes (lower-case hexadecimal), else by what was read from the pages. None: not ours."""
        return self._by_bytes(sha256) or self._by_codes(sha256, codes)

    def of(self, data: bytes) -> KnownLookup:
        """The same for one file at hand: its pages are looked at only when its bytes are not known."""

        def lookup(sha256: str, codes: Sequence[str]) -> KnownCopy | None:
            return self(sha256, codes) or self._by_codes(sha256, self.codes.read(data))

        return lookup

    # --- inside ------------------------------------------------------------------------------------------------------
    def _home(self) -> _Opened:
        with self._lock:
            if self._opened is None:
                catalogue = Catalogue.open(self.settings.database, create=False)
                self._opened = _Opened(
                    catalogue,
                    open_archive(self.settings, catalogue),
                    Register(catalogue, self.settings.copies),
                )
            return self._opened

    def _by_bytes(self, sha256: str) -> KnownCopy | None:
        home = self._home()
        entry = home.register.issued_entry(sha256=sha256)
        if entry is not None:
            return self._issued(entry, same_bytes=True)
        version = home.catalogue.archived_as(sha256)
        return self._record(version.document, sha256) if version is not None else None

    def _by_codes(self, sha256: str, codes: Sequence[str]) -> KnownCopy | None:
        named = dict.fromkeys(code for text in codes for code in _CODE.findall(text))
        found = [copy for code in named if (copy := self._by_code(code, sha256)) is not None]
        return next((copy for copy in found if copy.same_bytes), found[0] if found else None)

    def _by_code(self, code: str, sha256: str) -> KnownCopy | None:
        if code.startswith("D-"):
            return self._record(code, sha256)
        entry = self._home().register.issued_entry(code=code)
        return self._issued(entry, self._renewed(entry, sha256)) if entry is not None else None

    def _issued(self, entry: RegisterEntry, same_bytes: bool) -> KnownCopy:
        cancelled = entry.cancellation
        return KnownCopy(
            record=entry.id,
            register_entry=entry.full_number,
            product=_PRODUCT_OF[entry.kind],
            status=KnownStatus.CANCELLED if cancelled else KnownStatus.ACTIVE,
            cancelled_on=cancelled.decision_date if cancelled else None,
            same_bytes=same_bytes,
        )

    def _renewed(self, entry: RegisterEntry, sha256: str) -> bool:
        """The issued file with later timestamps lies as a further version under its key."""
        key = entry.evidence.detail.get("object", "") if entry.evidence else ""
        return bool(key) and any(ref.sha256 == sha256 for ref in self._home().store.versions(key))

    def _record(self, document: str, sha256: str) -> KnownCopy | None:
        home = self._home()
        try:
            row = home.catalogue.document(document)
        except NotFound:
            return None
        if row.status is DocumentStatus.REJECTED or row.archive is None:
            return None
        newest = {row.archive.sha256, *(ref.sha256 for ref in home.store.versions(row.archive.key))}
        older = {version.archive.sha256 for version in home.catalogue.versions(row.id)} - newest
        return KnownCopy(
            record=row.id,
            product=Product.DIGITISED,
            status=KnownStatus.SUPERSEDED if sha256 in older else KnownStatus.ACTIVE,
            same_bytes=sha256 in newest | older,
        )
