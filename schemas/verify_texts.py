"""What the facts of a verdict are called in Vietnamese, for the terminal and for the printed report."""

from __future__ import annotations

VERDICTS = {"valid": "Hợp lệ", "invalid": "Không hợp lệ", "indeterminate": "Chưa xác định"}
REVOCATION = {
    "good": "chưa bị thu hồi lúc ký",
    "revoked": "đã bị thu hồi",
    "unknown": "chưa rõ có bị thu hồi không",
}
TIMESTAMP = {"none": "không có", "valid": "đúng", "invalid": "sai", "untrusted": "chưa tin được"}
KNOWN = {
    "active": "còn giá trị trong sổ, kho của cơ quan này",
    "superseded": "phiên bản cũ, đã có phiên bản mới hơn",
    "cancelled": "ĐÃ BỊ HUỶ",
}
