"""What every endpoint needs of a request, and what every endpoint may answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Path, Request

from portal.api.problems import MEDIA_TYPE
from portal.api.state import Api
from schemas.people import Actor, Right
from schemas.people_errors import NotAllowed


def api_of(request: Request) -> Api:
    return request.app.state.api


def actor_of(request: Request) -> Actor:
    """Put there by the gate; no request comes here without."""
    return request.scope["state"]["actor"]


def needs(right: Right) -> Callable[[Request], Actor]:
    """The caller, who must have this right somewhere; for which unit is asked with the document at hand."""

    def actor(request: Request) -> Actor:
        found = actor_of(request)
        if not found.may(right):
            raise NotAllowed(str(right))
        return found

    return actor


TheApi = Annotated[Api, Depends(api_of)]
Anybody = Annotated[Actor, Depends(actor_of)]
Code = Annotated[
    str,
    Path(
        min_length=1,
        max_length=40,
        description="DocCode MCQ_LV_STT_PB (CV 7197), hoặc mã giấy tờ D-… / DocCode, or record id",
        examples=["H26.12_QĐ_000021_V1"],
    ),
]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=100,
        pattern=r"^[0-9A-Za-z._:-]+$",
        description="Mã do bên gọi đặt, gửi lại đúng mã này khi không rõ đã xong chưa / Set by the caller, sent again when in doubt",
    ),
]

_TOLD = {
    400: "Yêu cầu không đọc được / The request cannot be read",
    401: "Thiếu hoặc sai token / Token missing or wrong",
    403: "Không có quyền / No right",
    404: "Không tìm thấy / Not found",
    408: "Gửi quá chậm / Too slow",
    409: "Trạng thái không cho phép / State does not allow it",
    412: "Người khác vừa sửa / Changed meanwhile",
    413: "Quá lớn / Too large",
    415: "Loại tệp không nhận / Type not taken",
    422: "Nội dung không hợp lệ / Contents not valid",
    428: "Thiếu If-Match / If-Match missing",
    429: "Gọi quá nhiều / Too many requests",
    500: "Lỗi dữ liệu hoặc phần mềm / Fault of data or software",
    503: "Tạm ngưng / Temporarily unavailable",
    507: "Đầy đĩa / Disk full",
}
_ALWAYS = (400, 401, 403, 422, 429, 500, 503)


def answers(*statuses: int) -> dict[int | str, dict]:
    """Problems of an endpoint besides those that every one may have."""
    return {
        status: {
            "description": _TOLD[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*_ALWAYS, *statuses})
    }


