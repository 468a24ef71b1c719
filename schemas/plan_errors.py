"""Errors of the plan and its lists; part of the one tree in `schemas.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import InputRejected, WrongUse
from schemas.plan import Finding


class ListUnreadable(InputRejected):
    code = "list_unreadable"
    vi = "Không đọc được tệp danh sách."
    en = "The list cannot be read."
    advice_vi = "Xuất lại danh sách thành CSV (UTF-8), XLSX hoặc JSON rồi nhập lại."
    advice_en = "Export the list as CSV (UTF-8), XLSX or JSON again."


class ListRefused(InputRejected):
    code = "list_refused"
    vi = "Danh sách có lỗi nên chưa nhập dòng nào."
    en = "The list has errors; nothing of it was imported."
    advice_vi = "Sửa các ô được nêu theo dòng và cột rồi nhập lại cả tệp."
    advice_en = "Correct the cells named by row and column and import the whole file again."
    findings: tuple[Finding, ...] = ()
    left_out = 0
    """Further findings that are not listed."""

    @classmethod
    def of(cls, findings: Sequence[Finding], errors: int, left_out: int) -> ListRefused:
        refused = cls(f"{errors} errors")
        refused.findings, refused.left_out = tuple(findings), left_out
        return refused

    def __reduce__(self):
        return (_refused, (self.detail, self.findings, self.left_out))


def _refused(detail: str, findings: tuple[Finding, ...], left_out: int) -> ListRefused:
    error = ListRefused(detail)
    error.findings, error.left_out = findings, left_out
    return error


class ColumnsUnknown(WrongUse):
    code = "list_columns_unknown"
    vi = "Chưa biết cột nào của danh sách chứa gì."
    en = "It is not known what the columns of the list hold."
    advice_vi = "Chỉ ra cột bằng --column TÊN=TIÊU ĐỀ; lần sau danh sách cùng tiêu đề được nhận ra."
    advice_en = "Name the columns with --column NAME=HEADING; the next list with these headings is known."
