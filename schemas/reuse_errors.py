"""Errors of reuse and of the REST API; part of the one tree in `schemas.errors`."""

from __future__ import annotations

from schemas.errors import Fault, NotAllowedNow, SystemFault, WrongUse


class NotReusable(NotAllowedNow):
    """Only what is in force and checked may be used again; the detail says why this record is not."""

    code = "not_reusable"
    vi = "Giấy tờ này không được khai thác, sử dụng lại."
    en = "This record may not be used again."
    advice_vi = "Xem lý do kèm theo; tìm bản thay thế còn hiệu lực, hoặc yêu cầu giấy tờ mới."
    advice_en = "See the reason; find what replaced it, or ask for a new paper."


class NotEntitled(NotAllowedNow):
    """The office neither issued nor holds the văn bản."""

    code = "not_entitled"
    vi = "Cơ quan không có thẩm quyền sao y giấy tờ này."
    en = "The office may not issue a true copy of this record."
    advice_vi = "Chỉ sao y văn bản do cơ quan ban hành (bản gốc) hoặc đang giữ bản chính (NĐ 30/2020 Điều 25)."
    advice_en = "Only what the office issued or holds may be copied (NĐ 30/2020 Art. 25)."


class NationalUnavailable(SystemFault):
    code = "national_unavailable"
    vi = "Cơ sở dữ liệu quốc gia chưa trả lời."
    en = "The national database did not answer."
    advice_vi = "Tra lại sau; trong lúc đó dùng kho dữ liệu của cơ quan."
    advice_en = "Try again later; the archive is asked meanwhile."


# --- the REST API ----------------------------------------------------------------------------------------------------
class TokenNeeded(WrongUse):
    code = "token_needed"
    vi = "Thiếu mã truy cập (Bearer token), hoặc mã sai, hết hạn, đã bị thu hồi."
    en = "The bearer token is missing, wrong, expired or revoked."
    advice_vi = "Xin mã mới: sohoa token add"
    advice_en = "Ask the administrator for a new token."


class RateLimited(WrongUse):
    retry = True
    code = "rate_limited"
    vi = "Gọi quá nhiều lần trong thời gian ngắn."
    en = "Too many requests."
    advice_vi = "Đợi số giây ghi ở Retry-After rồi gọi lại."
    advice_en = "Wait as long as Retry-After says."


class RequestRunning(SystemFault):
    code = "request_running"
    vi = "Yêu cầu cùng Idempotency-Key đang được xử lý."
    en = "A request with this Idempotency-Key is being processed."
    advice_vi = "Gọi lại sau vài giây với đúng khoá đó."
    advice_en = "Call again with the same key in a few seconds."


class DocCodeTaken(NotAllowedNow):
    code = "doc_code_taken"
    vi = "Mã định danh văn bản (DocCode) này đã có cho nội dung khác."
    en = "This DocCode stands for other contents already."
    advice_vi = "Dùng PUT để tạo phiên bản mới, hoặc dùng mã khác."
    advice_en = "Use PUT for a new version, or another code."


class AlreadyDigitised(NotAllowedNow):
    """CV 7197/BKHCN-CĐSQG: duplicates of what is already digitised are not digitised again."""

    code = "already_digitised"
    vi = "Tệp này đã được số hoá trước đó."
    en = "This file was digitised before."
    advice_vi = "Tìm và dùng bản đã có."
    advice_en = "Find the record and use it."


class TooSlow(SystemFault):
    fault = Fault.USER
    code = "request_too_slow"
    vi = "Dữ liệu gửi lên quá chậm nên bị ngắt."
    en = "The request came too slowly and was cut off."
    advice_vi = "Kiểm tra đường truyền rồi gửi lại với đúng Idempotency-Key."
    advice_en = "Check the line and send it again with the same Idempotency-Key."


class WrongMethod(WrongUse):
    code = "wrong_method"
    vi = "Địa chỉ này không nhận phương thức đó."
    en = "This address does not take that method."
    advice_vi = "Xem /api/v1/openapi.json"
    advice_en = "See /api/v1/openapi.json"


class ConditionNeeded(WrongUse):
    code = "condition_needed"
    vi = "Thiếu If-Match: phải nêu phiên bản đang sửa (ETag của GET)."
    en = "If-Match is missing: name the revision that is changed (ETag of GET)."
    advice_vi = "GET tài liệu, lấy ETag, gửi lại với If-Match."
    advice_en = "GET the document, send its ETag as If-Match."

