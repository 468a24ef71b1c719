"""Large objects, sent in parts. The name shows only when all parts are there; what was begun and not ended is given up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from schemas.errors import ObjectDamaged, SohoaError, StoreUnavailable
from storage.objects.s3_body import Body
from storage.objects.s3_errors import Changed, translated
from storage.objects.s3_wire import Wire, md5

AT_ONCE = 3
"""Parts held in memory and under way."""
FORGOTTEN_AFTER = timedelta(days=2)


def put_parts(
    wire: Wire, key: str, body: Body, headers: Mapping[str, str], condition: Mapping[str, str]
) -> str | None:
    """Version id, None when the server does not say it. Raises Changed when the condition does not hold at the end."""
    upload = _text(
        wire.again(lambda: wire.ask("POST", key, {"uploads": ""}, headers=headers)), "UploadId", key
    )
    try:
        parts = _send(wire, key, upload, body)
        return _complete(wire, key, upload, parts, condition)
    except BaseException:
        with suppress(SohoaError, Changed):
            wire.ask("DELETE", key, {"uploadId": upload})
        raise


def forget_uploads(wire: Wire, prefix: str) -> int:
    """Give up what killed writers began, some days ago; their parts take room and are seen by nobody."""
    before, count = datetime.now(UTC) - FORGOTTEN_AFTER, 0
    with translated(prefix):
        answer = wire.again(lambda: wire.ask("GET", None, {"uploads": "", "prefix": prefix}))
        for upload in ElementTree.fromstring(answer.data.decode()):
            row = {child.tag.rpartition("}")[2]: child.text or "" for child in upload}
            if "UploadId" in row and datetime.fromisoformat(row["Initiated"]) < before:
                wire.ask("DELETE", row["Key"], {"uploadId": row["UploadId"]})
                count += 1
    return count


def _send(wire: Wire, key: str, upload: str, body: Body) -> list[str]:
    """ETags of the parts: names the server gave them, nothing is concluded from them."""
    digest, tags = hashlib.sha256(), []
    waiting: list[Future[str]] = []
    body.file.seek(0)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="s3-part") as pool:
        number = 0
        while data := body.file.read(wire.settings.part_bytes):
            number += 1
            digest.update(data)
            waiting.append(pool.submit(_part, wire, key, upload, number, data))
            if len(waiting) >= AT_ONCE:
                tags.append(waiting.pop(0).result())
        tags += [future.result() for future in waiting]
    if digest.hexdigest() != body.sha256:
        raise ObjectDamaged(f"{key}: the bytes changed while they were sent")
    return tags


def _part(wire: Wire, key: str, upload: str, number: int, data: bytes) -> str:
    query = {"partNumber": str(number), "uploadId": upload}
    headers = {"Content-MD5": md5(data)}
    answer = wire.again(lambda: wire.ask("PUT", key, query, body=data, headers=headers))
    if "etag" not in answer.headers:
        raise StoreUnavailable(f"not the answer of an S3 server {key}")
    return answer.headers["etag"]


def _complete(wire: Wire, key: str, upload: str, tags: list[str], condition: Mapping[str, str]) -> str | None:
    rows = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
        for number, tag in enumerate(tags, 1)
    )
    data = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
    headers = {"Content-Type": "application/xml", "Content-MD5": md5(data), **condition}
    answer = wire.ask("POST", key, {"uploadId": upload}, body=data, headers=headers)
    # The status comes before the work is done: what became of it is in the body.
    if _root(answer.data, key) != "CompleteMultipartUploadResult":
        code = _text(answer, "Code", key)
        if code in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise Changed(key)
        raise StoreUnavailable(f"{code} {key}")
    return answer.headers.get("x-amz-version-id")


def _root(data: bytes, key: str) -> str:
    with translated(key):
        return ElementTree.fromstring(data.decode()).tag.rpartition("}")[2]


def _text(answer, name: str, key: str) -> str:
    with translated(key):
        for child in ElementTree.fromstring(answer.data.decode()).iter():
            if child.tag.rpartition("}")[2] == name and child.text:
                return child.text
    raise StoreUnavailable(f"unreadable answer {key}")
