"""A file with its metadata, as multipart/form-data: parts `metadata` (JSON) and `file`."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from anyio.to_thread import run_sync
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from portal.api.problems import Refused
from portal.api.state import Api
from schemas.errors import DiskFull, SystemFault, TooLarge, UnsupportedFile, WrongUse

Facts = TypeVar("Facts", bound=BaseModel)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Sent(Generic[Facts]):
    """What came: a file on disk, gone again when the request is over."""

    path: Path | None
    name: str
    sha256: str
    facts: Facts

    @property
    def digest(self) -> str:
        """Of what was asked, whatever the boundaries between the parts were."""
        return hashlib.sha256(f"{self.sha256}\n{self.name}\n{self.facts.model_dump_json()}".encode()).hexdigest()


@asynccontextmanager
async def sent(request: Request, api: Api, facts: type[Facts], *, file: bool) -> AsyncIterator[Sent[Facts]]:
    """`file`: whether one has to come. Raises Refused, RequestValidationError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Refused(UnsupportedFile("multipart/form-data: metadata (JSON), file"))
    most = api.settings.api.json_bytes
    path: Path | None = None
    try:
        async with request.form(max_files=2, max_fields=2, max_part_size=most) as form:
            parts = form.multi_items()
            if len({name for name, _ in parts}) != len(parts) or not {n for n, _ in parts} <= {"metadata", "file"}:
                raise Refused(WrongUse("các phần: metadata, file; mỗi phần một lần"))
            given = await _text(form.get("metadata"), most)
            try:
                described = facts.model_validate_json(given or "{}")
            except ValidationError as error:
                raise RequestValidationError(_placed(error)) from None
            upload = form.get("file")
            if isinstance(upload, str) or (upload is None and file):
                raise RequestValidationError([{"loc": ("body", "file"), "msg": "a file is required", "type": "missing"}])
            name, digest = "", ""
            if upload is not None:
                if upload.size > api.settings.api.upload_bytes:
                    raise Refused(TooLarge(f"{upload.size} bytes, limit {api.settings.api.upload_bytes}"))
                path = api.incoming / secrets.token_hex(16)
                name = os.path.basename((upload.filename or "").replace("\\", "/"))[:200] or "tep"
                digest = await run_sync(_kept, upload, path)
        yield Sent(path, name, digest, described)
    finally:
        if path is not None:
            await run_sync(lambda: path.unlink(missing_ok=True))


def form(model: str, *, file: bool) -> dict:
    """The body for the description of the interface: `model` describes the part `metadata`."""
    properties = {
        "metadata": {"$ref": f"#/components/schemas/{model}"},
        "file": {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"},
    }
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if file:
        schema["required"] = ["file"]
    encoding = {"metadata": {"contentType": "application/json"}}
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    return {"requestBody": {"required": True, "content": content}}


async def _text(part: str | UploadFile | None, most: int) -> str | bytes:
    if isinstance(part, UploadFile):  # curl -F 'metadata=@mo-ta.json'
        if part.size > most:
            raise Refused(TooLarge(f"metadata: {part.size} bytes, limit {most}"))
        return await part.read()
    return part or ""


def _placed(error: ValidationError) -> list[dict]:
    return [dict(e) | {"loc": ("body", "metadata", *e["loc"])} for e in error.errors(include_input=False, include_context=False)]


def _kept(upload: UploadFile, path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("xb") as out:
            while piece := upload.file.read(_CHUNK):
                digest.update(piece)
                out.write(piece)
    except OSError as error:
        full = error.errno in (28, 122)  # ENOSPC, EDQUOT
        raise (DiskFull if full else SystemFault)(str(error.strerror)) from error
    return digest.hexdigest()
