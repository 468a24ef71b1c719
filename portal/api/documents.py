"""The four endpoints of CV 7197/BKHCN-CĐSQG, named as there, and how far an import is."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote, unquote

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from flows.exchange import by_code, correct, etag_of, take_in
from flows.exchange_given import described, import_state
from flows.get import get
from portal.api.asked import Code, Key, TheApi, answers, needs
from portal.api.once import Done, once
from portal.api.uploads import form, sent
from schemas.api import DocumentGiven, DocumentTaken, ImportMetadata, ImportState, PutMetadata
from schemas.errors import NotFound
from schemas.people import Actor, Right
from schemas.reuse_errors import ConditionNeeded

router = APIRouter(tags=["CV 7197"])
_PIECE = 256 * 1024


@router.post(
    "/documents/import",
    status_code=201,
    response_model=DocumentTaken,
    responses=answers(408, 409, 413, 415, 507)
    | {202: {"model": DocumentTaken, "description": "Đã nhận, đang số hoá / Taken, being digitised"}},
    openapi_extra=form("ImportMetadata", file=True),
    summary="Nhập tài liệu và siêu dữ liệu / Import a document with its metadata",
)
async def import_document(
    request: Request, api: TheApi, actor: Annotated[Actor, Depends(needs(Right.API_IMPORT))], key: Key
) -> Response:
    """Có DocCode: tài liệu đã số hoá (PDF), ghi nhận đúng mã đó. Không có DocCode: tệp quét, cơ quan này số hoá; xem tiến
    độ ở status_url."""
    async with sent(request, api, ImportMetadata, file=True) as came:

        def do() -> Done:
            taken = take_in(api.desk, actor, came.path, came.name, came.facts)
            if taken.row is None:
                api.arrived.set()
            given = DocumentTaken(
                state="recorded" if taken.row else "waiting",
                id=taken.row.id if taken.row else None,
                DocCode=taken.row.doc_code if taken.row else None,
                version=taken.row.version if taken.row else None,
                sha256=taken.sent.source,
                import_id=taken.sent.id,
                status_url=f"/api/v1/imports/{taken.sent.id}",
                warnings=taken.warnings,
            )
            place = f"/api/v1/documents/{quote(given.DocCode)}" if given.DocCode else given.status_url
            return Done(201 if taken.row else 202, given.model_dump(mode="json"), {"Location": place})

        return await run_sync(once, api, request, actor, key, came.digest, do, limiter=api.looks)


@router.get(
    "/imports/{import_id}",
    response_model=ImportState,
    responses=answers(404),
    summary="Tiến độ một tệp đã gửi / How far an imported file is",
)
def read_import(
    import_id: str, api: TheApi, actor: Annotated[Actor, Depends(needs(Right.API_IMPORT))]
) -> ImportState:
    return import_state(api.desk, actor, import_id)


@router.get(
    "/documents/download/{code}",
    response_class=Response,
    responses=answers(404, 409)
    | {
        200: {
            "description": "Tệp PDF của đúng phiên bản trong mã / The PDF of the version that the code names",
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    summary="Tải tệp, đã kiểm tra mã băm / Download the file, its hash checked",
)
def download_document(
    code: Code,
    api: TheApi,
    actor: Annotated[Actor, Depends(needs(Right.API_DOWNLOAD))],
    purpose: Annotated[
        str | None, Header(alias="X-Purpose", max_length=500, description="Mục đích, ghi vào nhật ký (mã hoá phần trăm nếu có dấu) / Purpose")
    ] = None,
) -> Response:
    """Bản PDF không che được dữ liệu cá nhân: token phải có cả phạm vi see_personal."""
    row, version = by_code(api.desk, actor, code, Right.API_DOWNLOAD)
    got, data = get(api.desk, actor, row.id, version=version, purpose=unquote(purpose or "") or "API")
    digest = base64.b64encode(bytes.fromhex(got.archive.sha256)).decode()
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(got.name)}",
        "Content-Length": str(len(data)),
        "ETag": f'"{got.archive.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "X-Document-Version": str(got.version),
        "X-Document-State": str(got.state),
        "X-Document-Validity": str(got.validity),
    }
    return StreamingResponse(_pieces(data), 200, headers, "application/pdf")


def _pieces(data: bytes) -> Iterator[bytes]:
    """In pieces, so that a slow reader is noticed."""
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]


@router.get(
    "/documents/{code}",
    response_model=DocumentGiven,
    responses=answers(404),
    summary="Siêu dữ liệu của tài liệu / Metadata of a document",
)
def read_document(
    code: Code, api: TheApi, actor: Annotated[Actor, Depends(needs(Right.API_GET))]
) -> JSONResponse:
    row, version = by_code(api.desk, actor, code, Right.API_GET)
    given = described(api.desk, actor, row, version)
    return JSONResponse(given.model_dump(mode="json"), headers={"ETag": etag_of(row)})


@router.put(
    "/documents/{code}",
    response_model=DocumentTaken,
    responses=answers(404, 408, 409, 412, 413, 415, 428, 507),
    openapi_extra=form("PutMetadata", file=False),
    summary="Sửa siêu dữ liệu, hoặc gửi phiên bản mới / Correct the metadata, or send a new version",
)
async def put_document(
    code: Code,
    request: Request,
    api: TheApi,
    actor: Annotated[Actor, Depends(needs(Right.API_PUT))],
    key: Key,
    if_match: Annotated[
        str | None, Header(alias="If-Match", max_length=1000, description="ETag của GET / ETag of GET")
    ] = None,
) -> Response:
    """Có tệp (PDF): thành phiên bản sau, V2…Vn của DocCode, chờ cơ quan ký số; bản trước vẫn tải được theo mã của nó."""
    if not if_match:
        raise ConditionNeeded()
    etags = tuple(tag.strip() for tag in if_match.split(","))
    async with sent(request, api, PutMetadata, file=False) as came:

        def do() -> Done:
            row, version = by_code(api.desk, actor, code, Right.API_PUT)
            if version is not None and version > row.version:
                raise NotFound(f"DocCode {code}")
            done = correct(api.desk, actor, row, etags, came.facts, came.path, came.name)
            given = DocumentTaken(
                state="corrected" if done.changed else "unchanged",
                id=done.row.id,
                DocCode=done.row.doc_code,
                version=done.row.version,
                sha256=done.row.archive.sha256 if done.row.archive else "",
            )
            return Done(200, given.model_dump(mode="json"), {"ETag": etag_of(done.row)})

        return await run_sync(once, api, request, actor, key, came.digest, do, limiter=api.looks)
