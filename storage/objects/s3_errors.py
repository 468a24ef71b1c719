"""The one place where what an S3 server, the SDK or the network says becomes an error of ours. No key, no signature and no
body of an answer gets into a message: only codes, status numbers and names of objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from schemas.errors import DiskFull, ObjectDamaged, ObjectLocked, ObjectMissing, SetupError, SohoaError
from schemas.errors import StoreUnavailable as Unavailable
from schemas.objects_errors import StoreUnfit
from storage.objects.content import os_error

_MISSING = {"NoSuchKey", "NoSuchVersion", "MethodNotAllowed"}
"""The last is what a delete marker answers."""
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict"}
_WRONG_BYTES = {
    "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
    "ContentSHA256Mismatch",
}  # fmt: skip
_FULL = {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}
_NO_LOCK = {
    "ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "InvalidBucketState", "NotImplemented",
}  # fmt: skip
_KEYS = {
    "InvalidAccessKeyId": "the access key is not known to the server",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "AuthorizationHeaderMalformed": "the region is wrong",
    "RequestTimeTooSkewed": "the clock of this machine and of the server differ",
    "NoSuchBucket": "there is no such bucket",
    "PermanentRedirect": "the bucket is in another region",
    "BadRequest": "the server does not understand the request",
}


class Changed(Exception):
    """A condition of a put did not hold: somebody else wrote meanwhile. Never leaves this folder."""


@contextmanager
def translated(about: str = "", *, locks: bool = False, versioned: bool = False) -> Iterator[None]:
    """`about`: key that the request is about; `locks`: a refusal means that a lock holds; `versioned`: a version was named.

    Raises Changed, or errors of ours."""
    try:
        yield
    except S3Error as error:
        # Not chained: S3Error cannot be pickled.
        raise _by_code(error, about, locks, versioned) from None
    except InvalidResponseError as error:
        # A page of some proxy instead of an answer; its words are nobody's business.
        raise _by_status(error._code, about, "not the answer of an S3 server") from None
    except ServerError as error:
        raise _by_status(error.status_code, about, "") from None
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"{_network(error)} {about}".strip()) from None
    except (MinioException, ParseError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise Unavailable(f"unreadable answer ({type(error).__name__}) {about}".strip()) from None
    except OSError as error:
        raise os_error(error) from error


def _by_code(error: S3Error, about: str, locks: bool, versioned: bool) -> Exception:
    code, status = error.code or "", getattr(error.response, "status", 0)
    if code in _CHANGED or status == 412:
        return Changed(about)
    if code in _MISSING and status in (404, 405):
        return ObjectMissing(about)
    if versioned and not locks and status == 400:
        return ObjectMissing(about)  # a version id of another form than the server's own
    if code in _WRONG_BYTES:
        return ObjectDamaged(f"{about}: the bytes changed on their way ({code})")
    if code in _FULL or status == 507:
        return DiskFull(f"the store has no room left ({code})")
    if code in _NO_LOCK or status == 501:
        return StoreUnfit(f"{code} {about}".strip())
    if code in _KEYS:
        return SetupError(f"S3 store: {_KEYS[code]}")
    if status == 403:
        return ObjectLocked(about) if locks else SetupError(f"S3 store: no right to do this ({code}) {about}")
    if locks and code == "InvalidRequest":
        return ObjectLocked(f"{about} ({code})")
    return _unavailable(status, code, about)


def _by_status(status: int, about: str, what: str) -> SohoaError:
    if status == 507:
        return DiskFull("the store has no room left")
    return _unavailable(status, what, about)


def _unavailable(status: int, what: str, about: str) -> Unavailable:
    error = Unavailable(" ".join(word for word in (f"HTTP {status}", what, about) if word))
    error.status = status
    return error


def own_fault(error: Unavailable) -> bool:
    """Did the server itself answer that it failed (500)? Then the object may be what it cannot read."""
    return getattr(error, "status", 0) == 500


def _network(error: urllib3.exceptions.HTTPError) -> str:
    cause = getattr(error, "reason", None) or error
    if isinstance(cause, urllib3.exceptions.SSLError):
        return "the certificate of the server is not accepted"
    if isinstance(cause, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.NewConnectionError):
        return "no connection"
    if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    if isinstance(cause, urllib3.exceptions.IncompleteRead | urllib3.exceptions.ProtocolError):
        return "the connection broke"
    return type(cause).__name__
