"""Errors of object stores beyond the common ones; part of the one tree in `schemas.errors`."""

from __future__ import annotations

from schemas.errors import Fault, SohoaError


class StoreUnfit(SohoaError):
    """The store answers but does not do what an archive rests on; nothing is written to it."""

    fault = Fault.SETUP
    code = "store_unfit"
    vi = "Kho này không dùng làm kho lưu trữ được: nó nhận lệnh khoá nhưng không giữ."
    en = "The store is not fit for the archive: it takes a lock and does not hold it."
    advice_vi = "Bật quản lý phiên bản và khoá đối tượng (Object Lock) cho bucket, hoặc đổi kho; xem: sohoa doctor"
    advice_en = "Switch on versioning and object lock for the bucket, or use another store; see: sohoa doctor"


class NoPresignedLinks(SohoaError):
    fault = Fault.SETUP
    code = "no_presigned_links"
    vi = "Kho là thư mục trên máy nên không tạo được liên kết tải về tạm thời."
    en = "A folder store has no download links of its own."
    advice_vi = "Tải tệp qua cổng hoặc bằng lệnh của phần mềm."
    advice_en = "Hand the file out through the portal or the command."


class MoveRunning(SohoaError):
    fault = Fault.USER
    retry = True
    code = "move_running"
    vi = "Đang có một lệnh chuyển hoặc sao chép kho khác chạy trên thư mục dữ liệu này."
    en = "Another move or copy of the archive runs on this home folder."
    advice_vi = "Đợi lệnh kia xong rồi chạy lại."
    advice_en = "Wait until it ends."
