"""Errors of people, rights and the audit chain; part of the one tree in `schemas.errors`."""

from __future__ import annotations

from schemas.errors import Fault, SohoaError, WrongUse


class NotAllowed(SohoaError):
    """This person has no right to this, here. The detail names the right, never what is behind it."""

    fault = Fault.USER
    code = "not_allowed"
    vi = "Bạn không có quyền làm việc này."
    en = "You have no right to do this."
    advice_vi = "Nhờ người quản trị cấp quyền: sohoa user role"
    advice_en = "Ask the administrator for the right: sohoa user role"

    def __init__(self, detail: str = "", *, unit: str | None = None, object: str = "") -> None:
        """`unit`: id of the unit for whose things the right was wanted; `object`: id of the record. Both are for the audit chain and
        are shown to nobody."""
        super().__init__(detail)
        self.unit, self.object = unit, object

    def __reduce__(self):
        return (type(self), (self.detail,), {"unit": self.unit, "object": self.object})


class LoginRefused(SohoaError):
    """One answer for everything that is wrong with a login, so that nobody learns which names exist."""

    fault = Fault.USER
    code = "login_refused"
    vi = "Tên đăng nhập hoặc mật khẩu không đúng, hoặc tài khoản đang bị khoá."
    en = "Wrong name or password, or the account is locked."
    advice_vi = "Gõ lại; nếu vẫn không được, hỏi người quản trị."
    advice_en = "Type them again, or ask the administrator."


class TooManyAttempts(SohoaError):
    """`detail` holds the whole seconds to wait."""

    fault = Fault.USER
    retry = True
    code = "too_many_attempts"
    vi = "Nhập sai nhiều lần; phải đợi rồi mới thử tiếp được."
    en = "Too many wrong attempts; wait before the next."
    advice_vi = "Đợi hết thời gian nêu trên rồi thử lại."
    advice_en = "Wait and try again."


class SessionEnded(SohoaError):
    fault = Fault.USER
    code = "session_ended"
    vi = "Phiên làm việc đã hết."
    en = "The session has ended."
    advice_vi = "Đăng nhập lại."
    advice_en = "Log in again."


class WeakPassword(WrongUse):
    code = "weak_password"
    vi = "Mật khẩu quá ngắn hoặc quá dễ đoán."
    en = "The password is too short or too easy to guess."
    advice_vi = "Dùng một câu dài dễ nhớ, ví dụ bốn năm từ không liên quan tới nhau."
    advice_en = "Use a long phrase of unrelated words."


class LoginTaken(WrongUse):
    code = "login_taken"
    vi = "Tên đăng nhập này đã có, hoặc quá giống tên đã có, hoặc có ký tự không được dùng."
    en = "The login exists already, looks too much like one that does, or has letters that may not be used."
    advice_vi = "Chọn tên khác, gồm chữ La-tinh, chữ số, dấu . _ -"
    advice_en = "Choose another of Latin letters, digits, . _ -"


class CodeRefused(SohoaError):
    """The one-time code of the first administrator."""

    fault = Fault.USER
    code = "code_refused"
    vi = "Mã dùng một lần không đúng, đã dùng, đã hết hạn, hoặc hệ thống đã có người dùng."
    en = "The one-time code is wrong, used, too old, or there are users already."
    advice_vi = "Xin mã mới: sohoa user code (chỉ khi chưa có người dùng nào)"
    advice_en = "Get a new one: sohoa user code (only while there are no users)"


class AuditBroken(SohoaError):
    """Found while sealing: what does not fit must not be sealed."""

    fault = Fault.SYSTEM
    code = "audit_broken"
    vi = "Nhật ký kiểm toán đã bị sửa, xoá hoặc chèn; chưa niêm phong."
    en = "The audit chain was tampered with; it was not sealed."
    advice_vi = "Chạy: sohoa audit check, giữ nguyên máy và báo người phụ trách an toàn thông tin."
    advice_en = "Run sohoa audit check, leave the machine as it is and tell the security officer."
