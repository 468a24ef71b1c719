"""Finding records by any of their words: the short form of `storage.search.search`."""

from __future__ import annotations

from storage.catalogue.database import Database
from storage.catalogue.rows import Hit
from storage.search.index import index_documents

__all__ = ["Finding", "index_documents"]


class Finding(Database):
    def find(self, query: str, limit: int = 20, offset: int = 0) -> tuple[int, list[Hit]]:
        """How many records hold every word of `query` (counted to 10,000), and a page of them, best first.

        The last word may be a beginning, and small typing errors are forgiven. Rejected records are left out. An empty
        query finds nothing.
        """
        from storage.search import Query, search

        if not query.strip():
            return 0, []
        found = search(self, Query(text=query, limit=limit, offset=offset, highlights=False))
        return found.total, found.hits
