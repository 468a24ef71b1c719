"""Reasons and the bottom line: what each finding is called, what it does to the verdict and what people are told.

Codes are the sub-indications of ETSI EN 319 102-1 §5.1.3 in lower case where the standard has a word, with its rule:
TOTAL-FAILED only where no further evidence could help. Messages in Vietnamese: TT 15/2025/TT-BKHCN Đ6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.signing import Reason, Verdict

_INVALID, _OPEN, _REMARK = Verdict.INVALID, Verdict.INDETERMINATE, Verdict.VALID


@dataclass(frozen=True)
class _Entry:
    weight: Verdict
    sub_indication: str | None
    text: str


# Most serious first: the order decides which reason speaks for a file.
CATALOGUE: dict[str, _Entry] = {
    # --- it cannot be right, whatever else becomes known
    "hash_failure": _Entry(
        _INVALID, "HASH_FAILURE", "Nội dung đã bị thay đổi sau khi ký: mã băm không khớp với chữ ký."
    ),
    "sig_crypto_failure": _Entry(
        _INVALID,
        "SIG_CRYPTO_FAILURE",
        "Chữ ký không khớp với chứng thư số: chữ ký bị sửa hoặc chứng thư bị tráo.",
    ),
    "format_failure": _Entry(
        _INVALID, "FORMAT_FAILURE", "Cấu trúc chữ ký sai hoặc thiếu thành phần bắt buộc."
    ),
    "byte_range_wrong": _Entry(
        _INVALID,
        "FORMAT_FAILURE",
        "Vùng được ký (ByteRange) không bao trọn tệp quanh chữ ký: dấu hiệu chèn hoặc tráo nội dung.",
    ),
    "signature_removed": _Entry(
        _INVALID, "FORMAT_FAILURE", "Trong tệp từng có chữ ký đã bị gỡ bỏ hoặc thay bằng chữ ký khác."
    ),
    "changed_after_signing": _Entry(
        _INVALID, "FORMAT_FAILURE", "Tệp đã bị thay đổi sau khi ký theo cách không được phép."
    ),
    "docmdp_violated": _Entry(
        _INVALID, "FORMAT_FAILURE", "Tệp bị thay đổi vượt quá mức mà người ký cho phép (DocMDP/FieldMDP)."
    ),
    "form_changed": _Entry(_INVALID, "FORMAT_FAILURE", "Giá trị trường biểu mẫu đã bị thay đổi sau khi ký."),
    "trailing_data": _Entry(_INVALID, "FORMAT_FAILURE", "Có dữ liệu lạ nối vào cuối tệp, ngoài mọi chữ ký."),
    "damaged_signed_file": _Entry(
        _INVALID,
        "FORMAT_FAILURE",
        "Tệp có dấu vết chữ ký nhưng đã hỏng hoặc bị cắt cụt, không kiểm tra được.",
    ),
    "timestamp_hash_failure": _Entry(
        _INVALID, "HASH_FAILURE", "Dấu thời gian không phải của chữ ký này (mã băm không khớp)."
    ),
    "timestamp_crypto_failure": _Entry(
        _INVALID, "SIG_CRYPTO_FAILURE", "Dấu thời gian bị sửa hoặc giả mạo: chữ ký trên dấu thời gian sai."
    ),
    "timestamp_format_failure": _Entry(_INVALID, "FORMAT_FAILURE", "Dấu thời gian sai cấu trúc."),
    "revoked": _Entry(_INVALID, "REVOKED", "Chứng thư số đã bị thu hồi trước thời điểm ký."),
    "expired": _Entry(_INVALID, "EXPIRED", "Chữ ký được tạo sau khi chứng thư số hết hạn."),
    "not_yet_valid": _Entry(_INVALID, "NOT_YET_VALID", "Chữ ký được tạo trước khi chứng thư số có hiệu lực."),
    "cancelled": _Entry(_INVALID, None, "Bản này đã bị huỷ trong sổ của cơ quan cấp."),
    # --- it cannot be said yet
    "no_signature": _Entry(_OPEN, None, "Tệp không có chữ ký số nào."),
    "crypto_constraints_failure": _Entry(
        _OPEN,
        "CRYPTO_CONSTRAINTS_FAILURE",
        "Thuật toán hoặc độ dài khoá quá yếu (SHA-1 trở xuống, RSA dưới 2048 bit): chữ ký có thể bị giả.",
    ),
    "no_signing_certificate_found": _Entry(
        _OPEN,
        "NO_SIGNING_CERTIFICATE_FOUND",
        "Không có chứng thư số của người ký, hoặc chứng thư kèm theo không phải của chữ ký này.",
    ),
    "no_certificate_chain_found": _Entry(
        _OPEN,
        "NO_CERTIFICATE_CHAIN_FOUND",
        "Không dẫn được chứng thư số tới gốc tin cậy nào đã cài đặt nên chưa biết có thật hay không.",
    ),
    "self_signed": _Entry(
        _OPEN,
        "NO_CERTIFICATE_CHAIN_FOUND",
        "Chứng thư số tự ký: ai cũng tạo được với tên bất kỳ, tên người ký không đáng tin.",
    ),
    "certificate_chain_general_failure": _Entry(
        _OPEN,
        "CERTIFICATE_CHAIN_GENERAL_FAILURE",
        "Chuỗi chứng thư số có lỗi: chữ ký của nơi cấp sai, nơi cấp hết hạn hoặc không được phép cấp.",
    ),
    "chain_constraints_failure": _Entry(
        _OPEN,
        "CHAIN_CONSTRAINTS_FAILURE",
        "Chứng thư số không được cấp để ký văn bản (sai mục đích sử dụng).",
    ),
    "revoked_no_poe": _Entry(
        _OPEN,
        "REVOKED_NO_POE",
        "Chứng thư số đã bị thu hồi, không có dấu thời gian chứng minh chữ ký được tạo trước đó.",
    ),
    "revoked_ca_no_poe": _Entry(
        _OPEN,
        "REVOKED_CA_NO_POE",
        "Chứng thư của nơi cấp đã bị thu hồi, không chứng minh được đã ký trước đó.",
    ),
    "out_of_bounds_no_poe": _Entry(
        _OPEN,
        "OUT_OF_BOUNDS_NO_POE",
        "Chứng thư số nay đã hết hạn (hoặc chưa có hiệu lực), không có dấu thời gian chứng minh lúc ký.",
    ),
    "try_later": _Entry(
        _OPEN,
        "TRY_LATER",
        "Chưa có thông tin thu hồi (CRL/OCSP) dùng được cho lúc ký; kiểm tra lại khi có mạng hoặc nạp CRL.",
    ),
    "revocation_out_of_bounds_no_poe": _Entry(
        _OPEN,
        "REVOCATION_OUT_OF_BOUNDS_NO_POE",
        "Chứng thư số đã hết hạn mà thông tin thu hồi kèm theo không được dấu thời gian lưu trữ bảo vệ.",
    ),
    "timestamp_untrusted": _Entry(
        _OPEN,
        "NO_CERTIFICATE_CHAIN_FOUND",
        "Không dẫn được nơi cấp dấu thời gian tới gốc tin cậy, hoặc thiếu thông tin thu hồi của nơi đó.",
    ),
    "timestamp_revoked": _Entry(
        _OPEN, "REVOKED_NO_POE", "Chứng thư của nơi cấp dấu thời gian đã bị thu hồi."
    ),
    "timestamp_expired": _Entry(
        _OPEN,
        "OUT_OF_BOUNDS_NO_POE",
        "Chứng thư của nơi cấp dấu thời gian đã hết hạn, không có dấu thời gian mới hơn bảo vệ.",
    ),
    "timestamp_weak": _Entry(
        _OPEN,
        "CRYPTO_CONSTRAINTS_FAILURE",
        "Dấu thời gian dùng thuật toán hoặc khoá quá yếu (SHA-1 trở xuống, RSA dưới 2048 bit) nên không chứng minh được gì.",
    ),
    "timestamp_order_failure": _Entry(
        _OPEN, "TIMESTAMP_ORDER_FAILURE", "Thứ tự các dấu thời gian mâu thuẫn nhau."
    ),
    "form_filled": _Entry(
        _OPEN,
        "SIG_CONSTRAINTS_FAILURE",
        "Biểu mẫu được điền tiếp sau khi ký (người ký có cho phép): cần người xem phần thêm vào.",
    ),
    "overlay_by_signature": _Entry(
        _OPEN, "SIG_CONSTRAINTS_FAILURE", "Hình của một chữ ký thêm sau che phần lớn trang đã ký."
    ),
    "dynamic_content": _Entry(
        _OPEN,
        "SIG_CONSTRAINTS_FAILURE",
        "Tệp có mã chạy hoặc nội dung động (JavaScript, XFA, tệp ngoài): mỗi nơi mở có thể thấy khác nhau.",
    ),
    "ambiguous_structure": _Entry(
        _OPEN,
        "FORMAT_FAILURE",
        "Cấu trúc tệp có thể được các phần mềm đọc khác nhau (bảng xref lai hoặc hỏng).",
    ),
    "sig_constraints_failure": _Entry(
        _OPEN, "SIG_CONSTRAINTS_FAILURE", "Chữ ký thuộc loại phần mềm này không kiểm tra được."
    ),
    "differs_from_archive": _Entry(
        _OPEN, None, "Mã trên tệp là của hồ sơ lưu trữ nhưng nội dung tệp khác bản lưu."
    ),
    "empty_file": _Entry(_OPEN, None, "Tệp rỗng (0 byte)."),
    "unsupported_file": _Entry(_OPEN, None, "Không phải tệp PDF nên không kiểm tra được chữ ký."),
    "encrypted_file": _Entry(_OPEN, None, "Tệp được bảo vệ bằng mật khẩu, không mở được để kiểm tra."),
    "damaged_file": _Entry(_OPEN, None, "Tệp PDF hỏng, không mở được để kiểm tra."),
    "decompression_bomb": _Entry(_OPEN, None, "Dữ liệu nén trong tệp nở ra quá giới hạn an toàn."),
    "too_large": _Entry(_OPEN, None, "Tệp vượt giới hạn an toàn của việc kiểm tra."),
    "timeout": _Entry(_OPEN, None, "Kiểm tra quá thời gian cho phép."),
    "unreadable_file": _Entry(_OPEN, None, "Không đọc được tệp từ ổ đĩa."),
    "not_a_regular_file": _Entry(_OPEN, None, "Không phải tệp thường (thư mục, liên kết, ống dẫn)."),
    "check_failed": _Entry(_OPEN, "GENERIC", "Việc kiểm tra gặp lỗi ngoài dự kiến."),
    # --- worth saying; changes nothing
    "demo_signature": _Entry(_REMARK, None, "CHỮ KÝ THỬ NGHIỆM – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ."),
    "no_timestamp": _Entry(_REMARK, None, "Không có dấu thời gian: thời điểm ký là theo máy của người ký."),
    "revoked_after_signing": _Entry(
        _REMARK,
        None,
        "Chứng thư số bị thu hồi sau thời điểm ký đã được chứng minh; chữ ký không bị ảnh hưởng.",
    ),
    "timestamp_revocation_not_current": _Entry(
        _REMARK,
        None,
        "Thông tin thu hồi của nơi cấp dấu thời gian là của lúc đóng dấu, không phải của hôm nay.",
    ),
    "claimed_time_differs": _Entry(_REMARK, None, "Giờ trên máy người ký lệch xa so với dấu thời gian."),
    "hidden_content": _Entry(_REMARK, None, "Tệp có lớp hoặc chú thích ẩn ngay từ lúc ký."),
    "anchor_without_source": _Entry(
        _REMARK, None, "Gốc tin cậy đã dùng chưa ghi nguồn gốc; người quản trị cần bổ sung."
    ),
    "delegation_not_in_force": _Entry(
        _REMARK,
        None,
        "Theo danh sách của cơ quan này, người chứng thực không có uỷ quyền, phân công có hiệu lực lúc ký; cần đối chiếu.",
    ),
    "superseded_version": _Entry(
        _REMARK, None, "Đây là phiên bản cũ của hồ sơ: cơ quan này đã có phiên bản mới hơn."
    ),
    "known_copy": _Entry(_REMARK, None, "Tệp trùng khớp từng byte với bản lưu của cơ quan này."),
}
_ORDER = {code: at for at, code in enumerate(CATALOGUE)}
_BY_SUB_INDICATION = {
    entry.sub_indication: code for code, entry in reversed(CATALOGUE.items()) if entry.sub_indication
} | {
    entry.sub_indication: code
    for code, entry in CATALOGUE.items()
    if (entry.sub_indication or "").lower() == code
}
VERDICT_TEXT: dict[Verdict, str] = {
    Verdict.VALID: "Hợp lệ",
    Verdict.INVALID: "Không hợp lệ",
    Verdict.INDETERMINATE: "Chưa xác định",
}


def reason(code: str, field: str | None = None, detail: str = "") -> Reason:
    """A reason from the catalogue; `detail` adds facts in Vietnamese."""
    entry = CATALOGUE[code]
    text = f"{entry.text.rstrip('.')}: {detail}" if detail else entry.text
    return Reason(code=code, sub_indication=entry.sub_indication, weight=entry.weight, text=text, field=field)


def code_of(sub_indication: str) -> str:
    """Our code for a sub-indication of the standard."""
    return _BY_SUB_INDICATION.get(sub_indication, "check_failed")


def ordered(reasons: Iterable[Reason]) -> list[Reason]:
    """Most serious first, each code once a field."""
    unique = {(each.code, each.field): each for each in reasons}
    return sorted(unique.values(), key=lambda each: _ORDER[each.code])


def bottom_line(reasons: Iterable[Reason]) -> Verdict:
    """Invalid when one reason is; else indeterminate when one is; valid only when nothing speaks against it."""
    weights = {each.weight for each in reasons}
    return next((v for v in (Verdict.INVALID, Verdict.INDETERMINATE) if v in weights), Verdict.VALID)


def codes(reasons: Iterable[Reason]) -> list[str]:
    """Codes that speak against `valid`, most serious first, each once."""
    return list(dict.fromkeys(each.code for each in ordered(reasons) if each.weight is not Verdict.VALID))
