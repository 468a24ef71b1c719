"""One tree of errors. Each has a stable code, says whose fault it is, whether trying again helps, and what to do, in
Vietnamese and English. All can be pickled (they cross process borders)."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    INPUT = "input"  # the file or the paper
    USER = "user"  # how it was called
    SETUP = "setup"  # something is missing or misconfigured
    SYSTEM = "system"  # disk, network, a service
    BUG = "bug"


class SohoaError(Exception):
    """Base. Subclasses set the class attributes; `detail` adds facts for the log and the expert (never a secret)."""

    code = "unexpected"
    fault = Fault.BUG
    retry = False
    vi = "Lỗi ngoài dự kiến."
    en = "Unexpected error."
    advice_vi = "Gửi nhật ký cho người hỗ trợ kỹ thuật."
    advice_en = "Send the log to technical support."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.en}" + (f" ({self.detail})" if self.detail else "")

    @property
    def message_vi(self) -> str:
        """A sentence for the clerk."""
        return self.vi

    def __reduce__(self):
        return (type(self), (self.detail,))


# --- the file or the paper -------------------------------------------------------------------------------------------
class InputRejected(SohoaError):
    """The input cannot be processed; it goes to quarantine and the batch goes on."""

    fault = Fault.INPUT
    code = "input_rejected"
    vi = "Không xử lý được tệp này."
    en = "The file cannot be processed."
    advice_vi = "Quét lại giấy tờ này."
    advice_en = "Scan the paper again."


class EmptyFile(InputRejected):
    code = "empty_file"
    vi = "Tệp rỗng (0 byte): máy quét chưa ghi xong hoặc bị lỗi khi chép."
    en = "The file is empty (0 bytes)."


class TruncatedFile(InputRejected):
    code = "truncated_file"
    vi = "Tệp bị cụt: chưa được chép hoặc ghi xong."
    en = "The file is truncated."
    advice_vi = "Chép lại tệp từ máy quét, hoặc quét lại."
    advice_en = "Copy the file from the scanner again, or rescan."


class DamagedFile(InputRejected):
    code = "damaged_file"
    vi = "Tệp hỏng, không mở được."
    en = "The file is damaged and cannot be opened."


class EncryptedFile(InputRejected):
    code = "encrypted_file"
    vi = "Tệp được bảo vệ bằng mật khẩu."
    en = "The file is protected by a password."
    advice_vi = "Xin bản không đặt mật khẩu, hoặc in ra rồi quét lại."
    advice_en = "Ask for a copy without a password."


class UnsupportedFile(InputRejected):
    code = "unsupported_file"
    vi = "Loại tệp này không được hỗ trợ (chỉ nhận PDF, TIFF, JPEG, PNG)."
    en = "This type of file is not supported (PDF, TIFF, JPEG, PNG only)."
    advice_vi = "Xuất ra PDF hoặc ảnh rồi gửi lại."
    advice_en = "Export it as PDF or an image."


class NotARegularFile(InputRejected):
    code = "not_a_regular_file"
    vi = "Không phải tệp thường (liên kết, ống dẫn hoặc thiết bị)."
    en = "Not a regular file (link, pipe or device)."
    advice_vi = "Chép tệp thật vào thư mục rồi gửi lại."
    advice_en = "Copy the real file into the folder."


class UnreadableFile(InputRejected):
    code = "unreadable_file"
    vi = "Không có quyền đọc tệp hoặc tệp đã biến mất."
    en = "No permission to read the file, or it is gone."
    advice_vi = "Kiểm tra quyền truy cập tệp rồi gửi lại."
    advice_en = "Check the permissions."


class TooLarge(InputRejected):
    code = "too_large"
    vi = "Tệp vượt giới hạn dung lượng cho phép."
    en = "The file is over the size limit."
    advice_vi = "Chia tệp thành nhiều phần, hoặc nâng giới hạn trong cấu hình."
    advice_en = "Split the file, or raise the limit in the settings."


class TooManyPages(TooLarge):
    code = "too_many_pages"
    vi = "Tệp vượt giới hạn số trang cho phép."
    en = "The file has too many pages."


class TooManyPixels(TooLarge):
    code = "too_many_pixels"
    vi = "Trang có số điểm ảnh vượt giới hạn cho phép."
    en = "The page has too many pixels."


class DecompressionBomb(TooLarge):
    code = "decompression_bomb"
    vi = "Dữ liệu nén trong tệp nở ra quá giới hạn an toàn."
    en = "Compressed data in the file expands beyond the safe limit."
    advice_vi = "Không mở tệp này; quét lại từ bản giấy."
    advice_en = "Do not open this file; rescan the paper."


class PageTimeout(InputRejected):
    code = "page_timeout"
    retry = True
    vi = "Xử lý trang quá thời gian cho phép."
    en = "The page took too long."
    advice_vi = "Thử lại; nếu vẫn lỗi thì quét lại trang này."
    advice_en = "Try again, or rescan the page."


class PageFailed(InputRejected):
    code = "page_failed"
    retry = True
    vi = "Không đọc được trang này."
    en = "The page could not be read."


# --- how it was called -----------------------------------------------------------------------------------------------
class WrongUse(SohoaError):
    fault = Fault.USER
    code = "wrong_use"
    vi = "Lệnh hoặc tham số không đúng."
    en = "Wrong command or argument."
    advice_vi = "Xem hướng dẫn: sohoa --help"
    advice_en = "See sohoa --help"


class NotFound(WrongUse):
    code = "not_found"
    vi = "Không tìm thấy."
    en = "Not found."
    advice_vi = "Kiểm tra lại mã hoặc đường dẫn."
    advice_en = "Check the id or the path."


class BadValue(WrongUse):
    """A value that a person typed does not have the form of its field."""

    code = "bad_value"
    vi = "Giá trị không đúng dạng của trường này; chưa lưu gì."
    en = "The value does not have the form of this field; nothing was saved."
    advice_vi = "Gõ lại theo dạng đã nêu."
    advice_en = "Type it again in the form given."


class TargetExists(WrongUse):
    code = "target_exists"
    vi = "Ở nơi ghi đã có tệp khác cùng tên; tệp đó không bị ghi đè."
    en = "Another file of that name is already there; it was not overwritten."
    advice_vi = "Chọn thư mục khác, hoặc chuyển tệp cũ đi rồi làm lại."
    advice_en = "Choose another folder, or move the old file away."


class NotAllowedNow(WrongUse):
    code = "not_allowed_now"
    vi = "Chưa thể thực hiện bước này ở trạng thái hiện tại của hồ sơ."
    en = "The record is not in a state that allows this step."


class ChangedMeanwhile(NotAllowedNow):
    code = "changed_meanwhile"
    vi = "Người khác vừa sửa hồ sơ này; thay đổi của bạn chưa được lưu."
    en = "Somebody else changed this record meanwhile; your change was not saved."
    advice_vi = "Tải lại hồ sơ, xem thay đổi mới rồi sửa lại."
    advice_en = "Reload the record, look at the new values and make the change again."


# --- set-up ----------------------------------------------------------------------------------------------------------
class SetupError(SohoaError):
    fault = Fault.SETUP
    code = "setup"
    vi = "Cài đặt chưa đầy đủ."
    en = "The installation is incomplete."
    advice_vi = "Chạy: sohoa doctor"
    advice_en = "Run: sohoa doctor"


class NoHome(SetupError):
    code = "no_home"
    vi = "Chưa có thư mục dữ liệu ở nơi này."
    en = "There is no data folder at this place."
    advice_vi = "Tạo bằng lệnh: sohoa init (hoặc chỉ đúng nơi bằng --home)"
    advice_en = "Make one: sohoa init (or point to the right place by --home)"


class MissingProgram(SetupError):
    code = "missing_program"
    vi = "Thiếu chương trình hoặc dữ liệu cần thiết."
    en = "A required program or its data is missing."


class BadSettings(SetupError):
    code = "bad_settings"
    vi = "Cấu hình không hợp lệ."
    en = "The settings are not valid."


# --- the system ------------------------------------------------------------------------------------------------------
class SystemFault(SohoaError):
    fault = Fault.SYSTEM
    retry = True
    code = "system"
    vi = "Hệ thống gặp sự cố tạm thời."
    en = "A temporary system failure."
    advice_vi = "Thử lại sau ít phút."
    advice_en = "Try again in a few minutes."


class DiskFull(SystemFault):
    code = "disk_full"
    vi = "Ổ đĩa đã đầy, không ghi được dữ liệu. Dữ liệu đã nhận vẫn nguyên vẹn."
    en = "The disk is full; nothing acknowledged was lost."
    advice_vi = "Giải phóng dung lượng rồi chạy lại lệnh; việc đã xong không phải làm lại."
    advice_en = "Free some space and run the command again; finished work is not repeated."


class StoreUnavailable(SystemFault):
    code = "store_unavailable"
    vi = "Không truy cập được kho lưu trữ."
    en = "The object store cannot be reached."


class ObjectMissing(SohoaError):
    fault = Fault.SYSTEM
    code = "object_missing"
    vi = "Không tìm thấy dữ liệu trong kho lưu trữ."
    en = "The object is not in the store."


class ObjectDamaged(SohoaError):
    fault = Fault.SYSTEM
    code = "object_damaged"
    vi = "Dữ liệu trong kho không khớp mã băm: tệp đã bị thay đổi hoặc hỏng."
    en = "The stored bytes do not match their hash."
    advice_vi = "Phục hồi từ bản sao lưu và báo người quản trị."
    advice_en = "Restore from a backup and tell the administrator."


class ObjectLocked(SohoaError):
    fault = Fault.USER
    code = "object_locked"
    vi = "Dữ liệu đang trong thời hạn lưu giữ, không được xoá hay thay đổi."
    en = "The object is under retention or legal hold."


class ObjectExists(SohoaError):
    fault = Fault.USER
    code = "object_exists"
    vi = "Kho lưu trữ đã có dữ liệu khác dưới tên này; dữ liệu cũ không bị thay thế."
    en = "Other bytes are stored under this key; they were not replaced."
    advice_vi = "Lưu thành phiên bản mới."
    advice_en = "Store it as a new version."


class CatalogueUnavailable(SystemFault):
    code = "catalogue_unavailable"
    vi = "Không truy cập được cơ sở dữ liệu danh mục."
    en = "The catalogue database cannot be reached."


class EngineServerUnavailable(SystemFault):
    code = "flow_server_unavailable"
    vi = "Không kết nối được máy chủ điều phối (Prefect)."
    en = "The Prefect server cannot be reached."
    advice_vi = "Khởi động lại máy chủ, hoặc chạy không cần máy chủ: sohoa digitise"
    advice_en = "Start the server, or run without one: sohoa digitise"


class OutputInvalid(SohoaError):
    """What was made did not pass its own check; it does not count as made."""

    fault = Fault.BUG
    code = "output_invalid"
    vi = "Tệp tạo ra không đạt kiểm tra nên không được lưu."
    en = "The file made did not pass its check and was not kept."


# --- the register ----------------------------------------------------------------------------------------------------
class BookClosed(NotAllowedNow):
    code = "book_closed"
    vi = "Sổ hoặc tháng này đã khóa; không ghi thêm số được."
    en = "The book or month is closed and takes no more numbers."
    advice_vi = "Ghi vào sổ của năm hiện tại; sửa nội dung đã khóa bằng ghi chú mới."
    advice_en = "Use the book of the current year; correct what is closed by a new note."


class ClockWentBack(SohoaError):
    """The machine's date is before the newest row of the book; a row may not be dated before the one above it."""

    fault = Fault.SETUP
    retry = True
    code = "clock_went_back"
    vi = "Ngày giờ của máy sớm hơn dòng cuối cùng trong sổ; chưa cấp số."
    en = "The clock is behind the newest row of the book; no number was taken."
    advice_vi = "Chỉnh lại ngày giờ của máy; nếu trước đó máy chạy sai về sau, xác nhận bằng chức năng „Chấp nhận đồng hồ“."
    advice_en = "Set the clock; if it had been wrongly ahead before, accept the corrected clock."


class RequestKeyReused(WrongUse):
    code = "request_key_reused"
    vi = "Mã yêu cầu này đã dùng cho nội dung khác."
    en = "This request key was used for other contents."
    advice_vi = "Tạo yêu cầu mới."
    advice_en = "Make a new request."


# --- copies ----------------------------------------------------------------------------------------------------------
class CaptureRejected(SohoaError):
    """What is offered is not a fresh picture of the paper original that lies before the certifying person."""

    fault = Fault.INPUT
    code = "capture_rejected"
    vi = "Không dùng được bản chụp này để chứng thực: phải chụp bản chính ngay lúc chứng thực."
    en = "This capture cannot be certified: the original has to be captured at that moment."
    advice_vi = "Chụp lại đủ các trang của bản chính ngay bây giờ rồi làm lại."
    advice_en = "Capture all pages of the original now and try again."


class DeliveryUnavailable(SystemFault):
    code = "delivery_unavailable"
    vi = "Chưa gửi được bản sao; hệ thống sẽ tự gửi lại."
    en = "The copy could not be delivered yet; it will be tried again."


class DeliveryRefused(SohoaError):
    fault = Fault.USER
    code = "delivery_refused"
    vi = "Nơi nhận từ chối bản sao."
    en = "The receiving side refused the copy."
    advice_vi = "Kiểm tra địa chỉ nhận với người yêu cầu rồi gửi lại."
    advice_en = "Check the address with the requester and send it again."


def all_errors() -> dict[str, type[SohoaError]]:
    """Every error class by its code."""
    import schemas.keeping_errors  # noqa: F401
    import schemas.objects_errors  # noqa: F401
    import schemas.people_errors
    import schemas.plan_errors  # noqa: F401
    import schemas.reuse_errors  # noqa: F401
    import schemas.signing_errors  # noqa: F401 - their classes are subclasses once they are imported

    found: dict[str, type[SohoaError]] = {}
    pending = [SohoaError]
    while pending:
        cls = pending.pop()
        found[cls.code] = cls
        pending.extend(cls.__subclasses__())
    return found
