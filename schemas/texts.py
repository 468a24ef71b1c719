"""What codes are called in Vietnamese.

Texts of errors stand with the errors (`schemas.errors`), names of kinds of paper and labels of their own fields in
the files of `ocr/forms`; here is what belongs to no single one of them.
"""

from __future__ import annotations

import re

from schemas.document import DocumentStatus, FieldStatus
from schemas.page import IssueCode

FIELDS: dict[str, str] = {
    "loai_van_ban": "Loại văn bản",
    "so_ky_hieu": "Số, ký hiệu",
    "ngay_ban_hanh": "Ngày ban hành",
    "dia_danh": "Địa danh",
    "co_quan_chu_quan": "Cơ quan chủ quản",
    "co_quan_ban_hanh": "Cơ quan ban hành",
    "trich_yeu": "Trích yếu",
    "quyen_han_ky": "Quyền hạn ký",
    "chuc_vu": "Chức vụ người ký",
    "nguoi_ky": "Người ký",
    "ho_ten": "Họ và tên",
    "ngay_sinh": "Ngày sinh",
    "ngay_sinh_bang_chu": "Ngày sinh (bằng chữ)",
    "gioi_tinh": "Giới tính",
    "dan_toc": "Dân tộc",
    "quoc_tich": "Quốc tịch",
    "noi_sinh": "Nơi sinh",
    "que_quan": "Quê quán",
    "so_dinh_danh": "Số định danh cá nhân",
    "giay_to_tuy_than": "Giấy tờ tùy thân",
    "noi_cu_tru": "Nơi cư trú",
    "noi_thuong_tru": "Nơi thường trú",
    "noi_dang_ky": "Nơi đăng ký",
    "ngay_dang_ky": "Ngày đăng ký",
    "so_dang_ky": "Số đăng ký",
    "nguon_trich_luc": "Nguồn trích lục",
    "nguoi_di_khai_sinh": "Người đi khai sinh",
    "nguoi_di_khai_tu": "Người đi khai tử",
    "nguoi_di_khai_tu_giay_to": "Giấy tờ của người đi khai tử",
    "nguoi_de_nghi": "Người đề nghị",
    "tinh_trang_hon_nhan": "Tình trạng hôn nhân",
    "muc_dich_su_dung": "Mục đích sử dụng",
    "noi_cu_tru_cuoi_cung": "Nơi cư trú cuối cùng",
    "gio_chet": "Giờ chết",
    "ngay_chet": "Ngày chết",
    "ngay_chet_bang_chu": "Ngày chết (bằng chữ)",
    "noi_chet": "Nơi chết",
    "nguyen_nhan_chet": "Nguyên nhân chết",
    "ten_ho_kinh_doanh": "Tên hộ kinh doanh",
    "ma_so_ho_kinh_doanh": "Mã số hộ kinh doanh",
    "dia_chi_tru_so": "Địa chỉ trụ sở",
    "dia_chi_lien_lac": "Địa chỉ liên lạc",
    "dia_chi_thuong_tru": "Địa chỉ thường trú",
    "dien_thoai": "Điện thoại",
    "nganh_nghe": "Ngành, nghề",
    "ma_nganh": "Mã ngành",
    "von_kinh_doanh": "Vốn kinh doanh",
    "chu_the": "Chủ thể thành lập",
    "chu_ho": "Chủ hộ",
    "chu_dau_tu": "Chủ đầu tư",
    "cong_trinh": "Công trình",
    "thua_dat": "Thửa đất",
    "to_ban_do": "Tờ bản đồ",
    "dien_tich": "Diện tích",
    "mat_do_xay_dung": "Mật độ xây dựng",
    "he_so_su_dung_dat": "Hệ số sử dụng đất",
    "dien_tich_xay_dung": "Diện tích xây dựng",
    "tong_dien_tich_san": "Tổng diện tích sàn",
    "chieu_cao": "Chiều cao",
    "so_tang": "Số tầng",
    "so_giay_chung_nhan_dat": "Số giấy chứng nhận đất",
    "doi_tuong": "Đối tượng",
    "muc_tro_cap": "Mức trợ cấp",
    "he_so": "Hệ số",
    "thoi_diem_huong": "Thời điểm hưởng",
}
_WHOSE = {"vo": "vợ", "chong": "chồng", "me": "mẹ", "cha": "cha"}

CHECKS: dict[str, str] = {
    "required": "Mẫu giấy này bắt buộc phải có, nhưng không tìm thấy trên ảnh.",
    "date_words": "Ngày bằng chữ không khớp ngày bằng số.",
    "date_order": "Thứ tự các ngày không hợp lý (ví dụ ngày sinh sau ngày cấp).",
    "date_form": "Không phải ngày hợp lệ.",
    "date_plausible": "Ngày không hợp lý (ở tương lai hoặc quá xa trước đây).",
    "date_agrees": "Ngày ban hành và ngày đăng ký khớp nhau.",
    "identity_form": "Số giấy tờ không đúng dạng (9 hoặc 12 chữ số, hoặc hộ chiếu).",
    "identity_province": "Ba số đầu của số định danh không phải mã tỉnh đã biết.",
    "identity_year": "Số định danh không khớp năm sinh.",
    "identity_sex": "Số định danh không khớp giới tính.",
    "symbol_kind": "Ký hiệu không khớp loại văn bản.",
    "tax_code": "Số kiểm tra của mã số thuế không khớp (chỉ cảnh báo).",
    "agency_place": "Cơ quan ở đầu trang khác nơi đăng ký.",
    "money_words": "Số tiền bằng chữ không khớp số tiền bằng số.",
    "known_place": "Tên huyện, tỉnh đọc khác tên đã biết; đề xuất theo danh mục.",
    "spelling": "Có chữ không phải âm tiết tiếng Việt, có thể đọc sai.",
    "page_missing": "Có trang liền kề không đọc được, có thể thuộc giấy này.",
    "signed_original": "Tệp đã có chữ ký số khi nhận; giữ nguyên, không ghi lại.",
    "pdfa_not_claimed": "Bản lưu không khai là PDF/A-2b vì tệp gốc còn điểm chưa đạt.",
}

ISSUES: dict[str, str] = {
    IssueCode.LOW_DPI: "Độ phân giải dưới mức tối thiểu 200 dpi.",
    IssueCode.BLURRED: "Ảnh bị mờ.",
    IssueCode.LOW_CONTRAST: "Chữ quá nhạt so với nền giấy.",
    IssueCode.CUT_EDGE: "Chữ chạm mép ảnh, có thể bị cắt.",
    IssueCode.SKEWED: "Trang bị quét nghiêng.",
    IssueCode.UNREADABLE: "Không đọc được chữ trên trang.",
    IssueCode.NEEDS_COLOUR: "Giấy có dấu đỏ nhưng ảnh không có màu; cần quét màu.",
    IssueCode.STICKY_NOTE: "Trang được chụp hai lần: có và không có giấy ghi chú.",
}

FIELD_STATUSES: dict[FieldStatus, str] = {
    FieldStatus.ACCEPTED: "máy nhận",
    FieldStatus.REVIEW: "cần xem",
    FieldStatus.CONFIRMED: "đã xác nhận",
    FieldStatus.CORRECTED: "đã sửa",
    FieldStatus.MISSING: "còn thiếu",
}

DOCUMENT_STATUSES: dict[DocumentStatus, str] = {
    DocumentStatus.CAPTURED: "đã chụp",
    DocumentStatus.REVIEW: "chờ người kiểm tra",
    DocumentStatus.CHECKED: "đã kiểm tra",
    DocumentStatus.ARCHIVED: "đã lưu",
    DocumentStatus.REJECTED: "đã loại",
}

VALIDITIES: dict[str, str] = {
    "in_force": "còn hiệu lực",
    "expired": "hết hiệu lực",
    "revoked": "đã bị thu hồi, huỷ bỏ",
    "replaced": "đã được thay thế",
    "not_yet": "chưa có hiệu lực",
    "unknown": "chưa rõ hiệu lực",
}

BATCH_STATUSES: dict[str, str] = {"open": "chưa đóng", "finished": "đã đóng"}
QUARANTINE_STATUSES: dict[str, str] = {"open": "chờ xử lý", "retried": "đã cho đọc lại", "dropped": "đã bỏ"}


def field_name(name: str, label: str = "") -> str:
    """What a field is called. `label` is what its own form prints, used where the name is not known here."""
    if name in FIELDS:
        return FIELDS[name]
    whose, _, rest = name.partition("_")
    if whose in _WHOSE and (rest in FIELDS or rest in ("nam_sinh", "giay_to")):
        return (
            f"{FIELDS.get(rest) or {'nam_sinh': 'Năm sinh', 'giay_to': 'Giấy tờ'}[rest]} của {_WHOSE[whose]}"
        )
    return label or name.replace("_", " ")


def check_text(code: str) -> str:
    """What a check that did not pass says to a person."""
    return CHECKS.get(code) or ISSUES.get(code) or f"Không đạt kiểm tra „{code}“."


def shown_value(value: str | None) -> str:
    """A value as people write it: dates dd/mm/yyyy."""
    if value is None:
        return "(trống)"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return f"{value[8:]}/{value[5:7]}/{value[:4]}"
    return value
