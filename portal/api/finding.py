"""Search, reuse, look-up and verification."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import ValidationError

from flows.exchange import by_code
from flows.lookup import lookup
from flows.people import looked
from flows.reuse import reuse
from flows.search import find, masked_found
from flows.verify import verify_paths
from flows.verify_known import known_copies
from portal.api.asked import Anybody, Code, Key, TheApi, answers, needs
from portal.api.once import Done, once
from portal.api.uploads import form, sent
from schemas.api import (
    HitGiven,
    LookupAsked,
    ReuseAsked,
    ReuseGiven,
    SearchAsked,
    SearchGiven,
    VerifyGiven,
    VerifyMetadata,
)
from schemas.errors import WrongUse
from schemas.people import Actor, Right
from schemas.reuse import Lookup, Question
from storage.search import Query

router = APIRouter()


@router.post(
    "/search",
    response_model=SearchGiven,
    responses=answers(413),
    tags=["Tìm"],
    summary="Tìm tài liệu, không cần dấu / Search, accents do not matter",
)
def search_documents(
    asked: SearchAsked, api: TheApi, actor: Annotated[Actor, Depends(needs(Right.SEARCH))]
) -> SearchGiven:
    """Trang sau: gửi lại đúng điều kiện cùng next_cursor."""
    try:
        query = Query(**{k: tuple(v) if isinstance(v, list) else v for k, v in asked.model_dump().items()})
    except ValidationError as error:
        raise WrongUse("; ".join(e["msg"] for e in error.errors(include_input=False))[:300]) from None
    found = masked_found(find(api.desk.catalogue, query, actor), actor, api.settings)
    if found.hits:
        looked(api.desk.catalogue, actor, [hit.id for hit in found.hits], "API: tìm")
    hits = tuple(
        HitGiven(
            id=hit.id,
            DocCode=hit.doc_code,
            kind=hit.type,
            score=hit.score,
            validity=hit.validity,
            validity_reason=hit.validity_reason,
            status=hit.status,
            fields=hit.fields,
        )
        for hit in found.hits
    )
    return SearchGiven(
        total=found.total, total_is=found.total_is, hits=hits, next_cursor=found.next_cursor, spelled=found.spelled
    )


@router.post(
    "/documents/{code}/reuse",
    status_code=201,
    response_model=ReuseGiven,
    responses=answers(404, 409, 413)
    | {200: {"model": ReuseGiven, "description": "Đã ghi từ trước / Written down before"}},
    tags=["Khai thác, sử dụng lại"],
    summary="Dùng lại kết quả cho một hồ sơ / Use a result again for a dossier",
)
def reuse_document(
    code: Code,
    asked: ReuseAsked,
    request: Request,
    api: TheApi,
    actor: Annotated[Actor, Depends(needs(Right.REUSE))],
    key: Key,
) -> Response:
    """Chỉ giấy tờ đã kiểm tra và còn hiệu lực; cùng giấy tờ, hồ sơ và mục đích chỉ ghi một lần. Bản sao y cần văn thư tự tay
    ký bằng khoá của cơ quan (NĐ 30/2020 Điều 32) nên không cấp qua API."""

    def do() -> Done:
        row, _ = by_code(api.desk, actor, code, Right.REUSE)
        done = reuse(api.desk, actor, row.id, asked.dossier, asked.purpose)
        given = ReuseGiven(new=done.new, reuse=done.reuse)
        return Done(201 if done.new else 200, given.model_dump(mode="json"))

    return once(api, request, actor, key, asked.model_dump_json(), do)


@router.post(
    "/lookup",
    response_model=Lookup,
    responses=answers(413),
    tags=["Khai thác, sử dụng lại"],
    summary="Tra theo thứ tự NQ 66.7/2025: CSDL quốc gia, kho, công dân / Look up before asking for paper",
)
def look_up(
    asked: LookupAsked, api: TheApi, actor: Annotated[Actor, Depends(needs(Right.SEARCH))]
) -> Lookup:
    return lookup(api.desk, actor, Question(**asked.model_dump()))


@router.post(
    "/verify",
    response_model=VerifyGiven,
    responses=answers(408, 413, 415, 507),
    openapi_extra=form("VerifyMetadata", file=True),
    tags=["Kiểm tra"],
    summary="Kiểm tra chữ ký số của một tệp / Verify the signatures of a file",
)
async def verify_upload(request: Request, api: TheApi, actor: Anybody) -> VerifyGiven:
    """Tệp không được lưu lại. / The file is not kept."""
    async with sent(request, api, VerifyMetadata, file=True) as came:

        def do() -> VerifyGiven:
            with known_copies(api.settings) as ours:
                (verdict,) = verify_paths([came.path], api.settings, ours=ours).files
            return VerifyGiven(file=verdict.model_copy(update={"file": came.name}), known=verdict.known is not None)

        return await run_sync(do, limiter=api.looks)
