"""Errors of keeping, packages and backups; part of the one tree in `schemas.errors`."""

from __future__ import annotations

from schemas.errors import Fault, InputRejected, NotAllowedNow, SohoaError, WrongUse


class NotDueForDisposal(NotAllowedNow):
    code = "not_due_for_disposal"
    vi = "Chưa đến hạn tiêu huỷ, hoặc hồ sơ phải giữ vĩnh viễn."
    en = "It is not due for destruction, or is kept permanently."
    advice_vi = "Xem hồ sơ nào đến hạn: sohoa preserve dispose due"
    advice_en = "See what is due: sohoa preserve dispose due"


class OnHold(NotAllowedNow):
    code = "on_hold"
    vi = "Hồ sơ đang bị phong toả (giữ theo yêu cầu pháp lý), không được tiêu huỷ."
    en = "The record is under legal hold and may not be destroyed."
    advice_vi = "Chỉ gỡ phong toả khi người ra yêu cầu cho phép: sohoa preserve release"
    advice_en = "Lift the hold only when whoever asked for it agrees: sohoa preserve release"


class SamePerson(NotAllowedNow):
    code = "same_person"
    vi = "Người đề nghị tiêu huỷ không được tự phê duyệt."
    en = "Whoever proposed the destruction may not approve it."
    advice_vi = "Để người có thẩm quyền khác phê duyệt."
    advice_en = "Let another authorised person approve it."


class ClockSuspicious(SohoaError):
    """The machine's date is far from anything written down before: retention must not end by a wrong clock."""

    fault = Fault.SETUP
    code = "clock_suspicious"
    vi = "Ngày giờ của máy lệch xa so với việc gần nhất đã ghi; chưa đề nghị tiêu huỷ gì."
    en = "The clock is far from the newest event on record; nothing was proposed for destruction."
    advice_vi = "Kiểm tra ngày giờ của máy. Nếu đúng, làm một việc khác trước (ví dụ sohoa preserve fixity) rồi thử lại."
    advice_en = "Check the clock. When it is right, do some other work first (for example sohoa preserve fixity), then try again."


class BackupInvalid(InputRejected):
    code = "backup_invalid"
    vi = "Bản sao lưu thiếu hoặc hỏng, không phục hồi từ bản này."
    en = "The backup is incomplete or damaged and is not restored."
    advice_vi = "Dùng bản sao lưu khác."
    advice_en = "Use another backup."


class NotEmpty(WrongUse):
    code = "not_empty"
    vi = "Nơi đến đã có dữ liệu; không ghi đè."
    en = "The target already holds data; nothing was overwritten."
    advice_vi = "Chọn thư mục mới, hoặc cơ sở dữ liệu trống."
    advice_en = "Choose a new folder or an empty database."


class PackageInvalid(InputRejected):
    code = "package_invalid"
    vi = "Gói lưu trữ không hợp lệ: thiếu tệp, sai mã băm hoặc sai cấu trúc."
    en = "The archive package is not valid: missing files, wrong hashes or wrong structure."
    advice_vi = "Xin gói khác từ nơi gửi."
    advice_en = "Ask the sender for another package."


class AlreadyHere(WrongUse):
    code = "already_here"
    vi = "Hồ sơ trong gói đã có ở đây với nội dung khác; không nhập gì."
    en = "A record of the package is already here with other contents; nothing was taken in."
    advice_vi = "So sánh hai bản rồi quyết định."
    advice_en = "Compare both before deciding."
