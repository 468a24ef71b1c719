"""Audit: who did, saw and took away what; a chain of hashes that shows any later change.

chain      rows are appended, each with the hash of the one before
heads      the last hash, written down outside the database
seals      timestamps over the last hash, in the object store
checking   everything compared with everything
"""

# First: its events append to the chain, so it must not find this package half loaded when this one is asked for alone.
import storage.catalogue  # noqa: F401
from storage.audit.checking import AuditCheck, AuditProblem
from storage.audit.log import Audit, AuditRow
from storage.audit.seals import Seal, Stamped

__all__ = ["Audit", "AuditCheck", "AuditProblem", "AuditRow", "Seal", "Stamped"]
