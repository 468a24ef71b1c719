"""The verification report on paper: A4, PDF/A-2b, Vietnamese. Everything is said in words; the JSON beside it has every detail."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fpdf import FPDF

from schemas.signing import FORM_OF_COPY, DocumentTimestampVerdict, Product, SignatureVerdict
from schemas.verify_texts import KNOWN, REVOCATION, TIMESTAMP, VERDICTS
from signing.demo_mark import PAGE_MARK
from storage.print_fonts import drawable, serif_fonts
from storage.register.print_description import describe

if TYPE_CHECKING:
    from flows.verify_report import VerificationReport

_MARGIN, _FOOT = 20.0, 18.0  # mm
_LABEL = 42.0  # mm, column of the names of facts
_LINE = 5.2  # mm, of 11 pt text
_LONGEST = 400
"""Characters of one value: names in hostile files have no end; the JSON has them whole."""
_MOST_CHANGES = 20
_SHADES = {"valid": (226, 240, 226), "invalid": (248, 220, 218), "indeterminate": (252, 241, 210)}
_ORIGIN = {"file": "trong tệp", "trust_folder": "nạp từ thư mục tin cậy", "cache": "tải về và lưu lại"}


def print_report(report: VerificationReport) -> bytes:
    """The same report gives the same bytes. Raises MissingProgram without a font."""
    return _Paper(report).made()


class _Paper(FPDF):
    def __init__(self, report: VerificationReport) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4", enforce_compliance="PDF/A-2B")
        self.report = report
        regular, bold = serif_fonts()
        self.add_font("Serif", "", regular)
        self.add_font("Serif", "B", bold)
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.set_auto_page_break(True, _FOOT)
        self.set_lang("vi")
        describe(self, "Báo cáo kiểm tra chữ ký số", report.software, datetime.fromisoformat(report.checked_at))

    def made(self) -> bytes:
        self.add_page()
        self._head()
        self._reasons()
        for number, signature in enumerate(self.report.verdict.signatures, 1):
            self._signature(number, signature)
        for stamp in self.report.verdict.document_timestamps:
            self._timestamp(stamp)
        self._known()
        self._anchors()
        self._evidence()
        self._closing()
        return bytes(self.output())

    def footer(self) -> None:
        self.set_y(-_FOOT + 5)
        self.set_font("Serif", "", 9)
        self.cell(
            self.epw * 0.75, 5, drawable(f"SHA-256 {self.report.sha256[:32]}…" if self.report.sha256 else "")
        )
        self.cell(0, 5, f"Trang {self.page_no()}", align="R")

    # --- parts -------------------------------------------------------------------------------------------------------
    def _head(self) -> None:
        report = self.report
        self.set_font("Serif", "B", 16)
        self.multi_cell(0, 9, "BÁO CÁO KIỂM TRA CHỮ KÝ SỐ", align="C", new_x="LMARGIN", new_y="NEXT")
        self.ln(3)
        self.set_fill_color(*_SHADES[report.verdict.verdict])
        self.set_font("Serif", "B", 14)
        said = f"Kết luận: {VERDICTS[report.verdict.verdict].upper()}"
        self.multi_cell(0, 11, said, border=1, align="C", fill=True, new_x="LMARGIN", new_y="NEXT")
        if any(signature.demo for signature in report.verdict.signatures):
            self.set_font("Serif", "B", 11)
            self.multi_cell(0, 8, PAGE_MARK, align="C", new_x="LMARGIN", new_y="NEXT")
        self.ln(3)
        self._fact("Tệp", report.file)
        self._fact("SHA-256 của tệp", report.sha256 or "không đọc được tệp")
        self._fact("Thời điểm kiểm tra", _moment(report.checked_at))
        self._fact("Phần mềm", report.software)

    def _reasons(self) -> None:
        if not self.report.verdict.explanations:
            return
        self._title("Lý do và lưu ý")
        for each in self.report.verdict.explanations:
            where = f" [{each.field}]" if each.field else ""
            self._item(f"{each.text}{where} ({each.sub_indication or each.code})")

    def _signature(self, number: int, signature: SignatureVerdict) -> None:
        self._title(f"Chữ ký {number}: {VERDICTS[signature.verdict]}")
        self._fact("Người ký", signature.signer or "không rõ")
        if signature.agency and signature.agency != signature.signer:
            self._fact("Cơ quan, tổ chức", signature.agency)
        if signature.time:
            proven = "theo dấu thời gian" if signature.timestamp == "valid" else "theo máy của người ký"
            self._fact("Lúc ký", f"{_moment(signature.time)} ({proven})")
        self._fact("Nội dung đã ký", "nguyên vẹn" if signature.intact else "KHÔNG nguyên vẹn")
        issuer = f"; do {signature.issuer} cấp" if signature.issuer else ""
        trusted = "dẫn tới gốc tin cậy" if signature.trusted else "chưa dẫn tới gốc tin cậy"
        self._fact("Chứng thư số", f"{trusted}; {REVOCATION[signature.revocation]}{issuer}")
        if signature.serial:
            self._fact("Số hiệu chứng thư", signature.serial)
        self._fact("Dấu thời gian", TIMESTAMP[signature.timestamp] + _by(signature.timestamp_authority))
        weak = " (yếu)" if signature.weak_algorithm else ""
        technical = [signature.algorithm + weak, f"mức {signature.level}" if signature.level else ""]
        self._fact("Thuật toán", "; ".join(part for part in technical if part.strip()) or "không đọc được")
        self._fact("Trường chữ ký", signature.field or "không rõ")
        for change in signature.changes[:_MOST_CHANGES]:
            self._fact("Sau khi ký", change)
        if len(signature.changes) > _MOST_CHANGES:
            self._fact("Sau khi ký", f"và {len(signature.changes) - _MOST_CHANGES} thay đổi khác")

    def _timestamp(self, stamp: DocumentTimestampVerdict) -> None:
        self._title(f"Dấu thời gian cho cả tệp: {VERDICTS[stamp.verdict]}")
        self._fact("Nơi cấp", stamp.authority or "không rõ")
        if stamp.time:
            self._fact("Thời điểm", _moment(stamp.time))
        self._fact("Nội dung", "nguyên vẹn" if stamp.intact else "KHÔNG nguyên vẹn")

    def _known(self) -> None:
        known = self.report.verdict.known
        if known is None:
            return
        self._title("Trong sổ, kho của cơ quan này")
        self._fact("Mã", known.record)
        if known.register_entry:
            self._fact("Số trong sổ", known.register_entry)
        if known.product is not None:
            form = FORM_OF_COPY[known.product].capitalize()
            self._fact("Loại", form or ("Kết quả số hoá" if known.product is Product.DIGITISED else ""))
        since = f" ngày {known.cancelled_on:%d/%m/%Y}" if known.cancelled_on else ""
        self._fact("Tình trạng", KNOWN[known.status] + since)
        same = "trùng từng byte với bản lưu" if known.same_bytes else "KHÁC bản lưu"
        self._fact("Tệp đang kiểm tra", same)

    def _anchors(self) -> None:
        self._title("Gốc tin cậy của lần kiểm tra này")
        if not self.report.anchors:
            self._item("Chưa cài gốc tin cậy nào.")
        for anchor in self.report.anchors:
            demo = " (THỬ NGHIỆM, không có giá trị pháp lý)" if anchor.demo else ""
            source = f"; nguồn: {anchor.source}" if anchor.source else "; chưa ghi nguồn"
            self._item(f"{anchor.name}{demo}{source}; SHA-256 {anchor.sha256}")

    def _evidence(self) -> None:
        self._title("Thông tin thu hồi đã xét")
        if not self.report.evidence:
            self._item("Không có CRL, OCSP nào về các chứng thư trong tệp.")
        for each in self.report.evidence:
            until = f" đến {_moment(each.next_update)}" if each.next_update else ""
            about = f", chứng thư {', '.join(each.serials)}" if each.serials else ""
            self._item(
                f"{each.kind.upper()} của {each.issuer}{about}, {_ORIGIN[each.origin]}; "
                f"có hiệu lực từ {_moment(each.this_update)}{until}; SHA-256 {each.sha256}"
            )

    def _closing(self) -> None:
        self.ln(4)
        self.set_font("Serif", "", 10)
        said = (
            "Báo cáo do phần mềm lập tự động tại thời điểm nêu trên, không thay cho chữ ký số. "
            "Ai có tệp đều kiểm tra lại được; chỉ tệp có đúng mã SHA-256 nêu trên là tệp đã được kiểm tra."
        )
        self.multi_cell(0, 4.8, said, new_x="LMARGIN", new_y="NEXT")

    # --- lines -------------------------------------------------------------------------------------------------------
    def _title(self, text: str) -> None:
        if self.h - _FOOT - self.y < 5 * _LINE:
            self.add_page()  # a heading does not stand alone at the foot
        self.ln(3)
        self.set_font("Serif", "B", 12)
        self.multi_cell(0, 7, text, border="B", new_x="LMARGIN", new_y="NEXT")
        self.ln(1)

    def _fact(self, name: str, value: str) -> None:
        self.set_font("Serif", "", 11)
        lines = self.multi_cell(
            self.epw - _LABEL, _LINE, _short(value), align="L", dry_run=True, output="LINES"
        )
        if self.h - _FOOT - self.y < min(len(lines), 8) * _LINE:
            self.add_page()
        self.cell(_LABEL, _LINE, f"{name}:")
        self.multi_cell(self.epw - _LABEL, _LINE, _short(value), align="L", new_x="LMARGIN", new_y="NEXT")

    def _item(self, text: str) -> None:
        self.set_font("Serif", "", 11)
        self.cell(5, _LINE, "–")
        self.multi_cell(self.epw - 5, _LINE, _short(text), align="L", new_x="LMARGIN", new_y="NEXT")


def _short(text: str) -> str:
    return drawable(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _by(authority: str) -> str:
    return f", do {authority} cấp" if authority else ""


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%d/%m/%Y %H:%M:%S} +07:00"
