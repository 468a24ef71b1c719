"""Who used which record for what; where papers were looked for; what came by the REST API."""

from storage.reuse.imports import Import, Imports
from storage.reuse.ledger import Reuses, reuse_id
from storage.reuse.requests import Requests, Running, Stored

__all__ = ["Import", "Imports", "Requests", "Reuses", "Running", "Stored", "reuse_id"]
