"""Rows of a list as cases: values brought to one form, and everything that does not add up told by
row and column. One error anywhere and nothing of the file is imported."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from flows.legacy_text import modern
from flows.list_files import CELL, Table
from schemas.errors import WrongUse
from schemas.plan import Case, CaseState, Channel, Finding, Level, ListKind, Period, Severity
from schemas.zone import VIETNAM
from storage.codes import parse_dossier_code
from storage.fold import fold_words
from storage.plan.lists import identity_of

FINDINGS_KEPT = 1_000
_EARLIEST = date(1945, 9, 2)
"""No paper of this State is older."""
_SHOWN = 80
_UNSAFE = ("=", "+", "@", "-")
_HARMLESS = re.compile(r"[-+]?[\d\s.,/()]*|-+|[-+]\s*[^\W\d_].*")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Zero-width and direction marks; not the soft hyphen, which is ư in TCVN3."""
_BLANK = "-–—.…_/xX"
_NOTHING = re.compile(r"[-–—.…_/\s]+|[xX]")
"""What clerks write where there is nothing to write."""
_BROKEN = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)", re.IGNORECASE)
_ROUNDED = re.compile(r"\d[.,]\d+E\+?\d+", re.IGNORECASE)
_EXACT = ("dossier_code", "number", "number_symbol", "owner_id")
_IDENTITY = ("dossier_code", "number", "number_symbol", "symbol", "owner_id")
_FOOT = re.compile(r"(tong cong|tong so|nguoi lap|lap bieu|ghi chu)\b.*|tong|cong")
_ORDINAL = re.compile(r"\(?(\d{1,2})\)?")
_KEPT = 50_000
"""Cells whose clean form is remembered: lists say the same few thousand things again and again."""

_STATES = {
    CaseState.RECEIVED: ("moi tiep nhan", "tiep nhan", "da tiep nhan", "cho tiep nhan"),
    CaseState.WORKING: ("dang giai quyet", "dang xu ly", "chua den han", "qua han", "trong han", "dang xu li", "dang thuc hien"),
    CaseState.STOPPED: ("tam dung", "yeu cau bo sung", "cho bo sung", "dung xu ly", "tam dung xu ly"),
    CaseState.RESOLVED: (
        "da giai quyet", "da tra", "hoan thanh", "da tra ket qua", "da co ket qua", "da xu ly", "da xu ly xong", "cho tra ket qua",
        "giai quyet dung han", "giai quyet truoc han", "giai quyet qua han", "dung han", "truoc han",
    ),
    CaseState.REFUSED: ("tu choi", "tra lai", "khong giai quyet", "tu choi tiep nhan", "tra lai ho so"),
    CaseState.WITHDRAWN: ("rut ho so", "da rut", "cong dan rut", "huy", "da huy", "rut"),
}  # fmt: skip
_CHANNELS = {
    Channel.ONLINE: ("truc tuyen", "nop truc tuyen", "dvc truc tuyen", "online", "qua mang", "cong dvc", "toan trinh", "mot phan"),
    Channel.DIRECT: ("truc tiep", "nop truc tiep", "tai bo phan mot cua", "mot cua"),
    Channel.POST: ("buu chinh", "qua buu chinh", "buu chinh cong ich", "buu dien"),
}
_STATE_OF = {text: state for state, texts in _STATES.items() for text in texts}
_CHANNEL_OF = {text: channel for channel, texts in _CHANNELS.items() for text in texts}
_DATES = ("issued", "received", "due", "finished", "in_force_until")


@dataclass(frozen=True)
class UnitOfRow:
    """What is known of an agency that a row names."""

    code: str
    level: Level
    closed_on: date | None = None
    successor: str | None = None
    """The one that carries its backlog on; None when it was divided."""
    heirs: tuple[str, ...] = ()
    """Names of all who took over."""
    id: str = ""


@dataclass
class Rules:
    """What a list is read against. `unit_of(code or name, day)` gives None for an agency that is not known."""

    kind: ListKind
    unit_of: Callable[[str, date | None], UnitOfRow | None]
    kind_of: Callable[[str], str | None] = lambda text: None
    """Code of the kind of paper for a name or a procedure."""
    sector_of: Callable[[str], str] = lambda text: text
    """One spelling for a sector that is written in several ways."""
    allowed: frozenset[str] | None = None
    """Codes of the agencies whose rows may be imported; None: all."""
    default_unit: str | None = None
    """Agency of rows that name none."""
    own_unit: str | None = None
    """Agency of rows whose dossier code names none either."""
    period: Period | None = None
    old_encodings: bool = False
    """True: TCVN3 and VNI cells are converted (and told); False: they are errors."""
    today: date = field(default_factory=date.today)


class Reader:
    """Cases of a table, one by one; findings are collected beside them."""

    def __init__(self, table: Table, columns: Mapping[str, int], rules: Rules) -> None:
        self.table, self.columns, self.rules = table, columns, rules
        self.findings: list[Finding] = []
        self.left_out = 0
        self.errors = 0
        self.rows = 0
        self._seen: dict[str, int] = {}
        self._units: dict[tuple[str, date | None], UnitOfRow | None] = {}
        self._kinds: dict[str, str | None] = {}
        self._cleaned: dict[str, str | None] = {}
        self._dates = [(thing, self.columns.get(thing)) for thing in _DATES]

    def cases(self) -> Iterator[Case]:
        for name in self.table.unread:
            self._tell(Severity.WARNING, "sheet_unread", None, None, name, "Trang tính này không được đọc; chỉ đọc trang đầu có bảng.")
        for number, cells in self.table.rows:
            before = self.errors
            if (case := self._case(number, cells)) is not None and self.errors == before:
                yield case

    def _tell(self, severity: Severity, code: str, row: int | None, thing: str | None, value: str, vi: str) -> None:
        if severity is Severity.ERROR:
            self.errors += 1
        if len(self.findings) >= FINDINGS_KEPT:
            self.left_out += 1
            return
        at = self.columns.get(thing or "")
        heading = self.table.headings[at] if at is not None else None
        self.findings.append(
            Finding(severity=severity, code=code, row=row, column=heading, value=value[:_SHOWN], vi=vi)
        )

    def _case(self, row: int, cells: list[str]) -> Case | None:
        if self._no_case(row, cells):
            return None
        self.rows += 1
        text: dict[str, str | None] = {}
        for thing, at in self.columns.items():
            text[thing] = self._clean(row, thing, cells[at]) if at < len(cells) and cells[at] else None
        if len(cells) > len(self.table.headings) and any(cells[len(self.table.headings) :]):
            self._tell(
                Severity.ERROR, "too_many_cells", row, None, cells[-1], "Dòng có nhiều ô hơn tiêu đề: có lẽ thiếu dấu ngoặc kép quanh ô có dấu phẩy."
            )
        days = {thing: self._day(row, thing, text.get(thing)) for thing in _DATES}
        number, symbol = self._number(row, text)
        dossier, dossier_day, agency = self._dossier(row, text.get("dossier_code"))
        day = days["received"] or days["issued"] or dossier_day
        unit = self._unit(row, text.get("unit") or self.rules.default_unit or agency or self.rules.own_unit, day)
        state = self._state(row, text.get("state"), days["finished"])
        if unit is None:
            return None
        sector = text.get("sector")
        case = Case(
            row=row,
            unit=unit.code,
            level=unit.level,
            dossier_code=dossier,
            dossier_day=dossier_day,
            procedure=text.get("procedure"),
            procedure_name=text.get("procedure_name"),
            sector=self.rules.sector_of(sector) if sector else None,
            kind=self._kind(text.get("kind") or text.get("procedure_name") or ""),
            number=number,
            symbol=symbol,
            issuer=text.get("issuer"),
            owner=text.get("owner"),
            owner_id=_digits(text.get("owner_id")),
            summary=text.get("summary"),
            state=state,
            channel=_CHANNEL_OF.get(fold_words(text.get("channel") or ""), Channel.UNKNOWN),
            **days,
        )
        self._in_order(case, {thing for thing, day in days.items() if day is None and text.get(thing)})
        self._unit_was_there(case, unit)
        self._once(case)
        return case

    def _no_case(self, row: int, cells: list[str]) -> bool:
        """Rows of a printed table that are nothing by themselves: numbers of the columns, sums, headings of groups, who signed."""
        filled = [cell for cell in cells if cell]
        if row <= self.table.heading_row + 3 and _numbers_of_columns(filled):
            return True  # below the heading offices number the columns: (1), (2), (3)
        if any(at is not None and at < len(cells) and cells[at] and read_day(cells[at]) for _, at in self._dates):
            return False
        named = any(
            any(map(str.isdigit, cells[at])) for thing in _IDENTITY if (at := self.columns.get(thing, len(cells))) < len(cells)
        )
        if (named or len(filled) > 2) and not _FOOT.fullmatch(fold_words(filled[0])):
            return False
        self._tell(
            Severity.WARNING, "row_passed_over", row, None, filled[0], "Không phải dòng hồ sơ (dòng cộng, tên nhóm, chữ ký); bỏ qua."
        )
        return True

    def _clean(self, row: int, thing: str, cell: str) -> str | None:
        """Text of a cell in NFC; None when empty."""
        if cell in self._cleaned and not (thing in _EXACT and _ROUNDED.fullmatch(cell)):
            return self._cleaned[cell]
        before = len(self.findings) + self.left_out
        found = self._cleaned_anew(row, thing, cell)
        if before == len(self.findings) + self.left_out and len(self._cleaned) < _KEPT:
            self._cleaned[cell] = found
        return found

    def _cleaned_anew(self, row: int, thing: str, given: str) -> str | None:
        if len(given) > CELL:
            self._tell(Severity.ERROR, "cell_too_long", row, thing, given, f"Ô dài hơn {CELL} ký tự.")
            return None
        cell = given if given.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFC", given))
        cell = " ".join(cell.split())
        if cell[:1] == "'" and cell[1:2] and (cell[1].isdigit() or cell[1] in _UNSAFE):
            cell = cell[1:]  # how spreadsheets are told that a number is a text
        if not cell or (cell[0] in _BLANK and _NOTHING.fullmatch(cell)):
            return None
        if cell[0] == "#" and _BROKEN.match(cell):
            self._tell(Severity.ERROR, "cell_broken", row, thing, cell, "Ô là lỗi của bảng tính, không phải dữ liệu.")
            return None
        if cell.startswith(_UNSAFE) and not _HARMLESS.fullmatch(cell):
            self._tell(
                Severity.ERROR, "formula", row, thing, cell, "Ô chứa công thức; hãy dán giá trị thay cho công thức."
            )
            return None
        if thing in _EXACT and _ROUNDED.fullmatch(cell):
            self._tell(
                Severity.ERROR, "number_rounded", row, thing, cell, "Bảng tính đã làm tròn số này; hãy định dạng cột là văn bản rồi nhập lại số."
            )
            return None
        cell, encoding = modern(cell)
        if encoding:
            severity = Severity.WARNING if self.rules.old_encodings else Severity.ERROR
            done = "đã đổi thành" if self.rules.old_encodings else "có lẽ là"
            self._tell(
                severity, "old_encoding", row, thing, given, f"Ô viết bằng bảng mã {encoding}, {done} „{cell[:_SHOWN]}“."
            )
        return cell

    def _number(self, row: int, text: dict[str, str | None]) -> tuple[str | None, str | None]:
        thing = "number_symbol" if text.get("number_symbol") else "number"
        given = text.get(thing) or ""
        if _ISO.fullmatch(given):
            self._tell(
                Severity.ERROR, "number_is_day", row, thing, given, "Bảng tính đã đổi số, ký hiệu thành ngày; hãy định dạng cột là văn bản rồi nhập lại."
            )
            return None, None
        number, symbol = split_number(given)
        return number, text.get("symbol") or symbol

    def _day(self, row: int, thing: str, text: str | None) -> date | None:
        if text is None:
            return None
        day = read_day(text)
        if day is None:
            self._tell(Severity.ERROR, "date_unreadable", row, thing, text, "Không đọc được ngày (cần ngày/tháng/năm).")
        elif day < _EARLIEST or (thing not in ("due", "in_force_until") and day > self.rules.today):
            self._tell(Severity.ERROR, "date_impossible", row, thing, text, "Ngày này không thể có (quá xa hoặc ở tương lai).")
            return None
        return day

    def _dossier(self, row: int, text: str | None) -> tuple[str | None, date | None, str | None]:
        if text is None:
            return None, None, None
        try:
            code = parse_dossier_code(text)
        except WrongUse:
            self._tell(
                Severity.ERROR, "dossier_code", row, "dossier_code", text, "Mã hồ sơ không đúng cấu trúc (cũ, mới hay tập trung)."
            )
            return None, None, None
        return code.text, code.day, code.agency

    def _unit(self, row: int, text: str | None, day: date | None) -> UnitOfRow | None:
        if text is None:
            self._tell(Severity.ERROR, "unit_missing", row, "unit", "", "Không biết cơ quan nào giải quyết; hãy dùng --unit MÃ.")
            return None
        if (text, day) not in self._units:
            self._units[text, day] = self.rules.unit_of(text, day)
        unit = self._units[text, day]
        if unit is None:
            self._tell(
                Severity.ERROR, "unit_unknown", row, "unit", text, "Không có cơ quan này trong danh mục đơn vị, hoặc có nhiều cơ quan cùng tên."
            )
        elif self.rules.allowed is not None and unit.code not in self.rules.allowed:
            self._tell(Severity.ERROR, "unit_not_yours", row, "unit", text, "Bạn không được nhập danh sách của cơ quan này.")
        return unit

    def _kind(self, text: str) -> str | None:
        if text not in self._kinds:
            self._kinds[text] = self.rules.kind_of(text)
        return self._kinds[text]

    def _state(self, row: int, text: str | None, finished: date | None) -> CaseState | None:
        if text is None:
            return CaseState.RESOLVED if finished else None
        state = _STATE_OF.get(fold_words(text))
        if state is None:
            self._tell(Severity.ERROR, "state_unknown", row, "state", text, "Không hiểu trạng thái này.")
        return state

    def _in_order(self, case: Case, unread: set[str]) -> None:
        """Dates one after another, and within the period of the list. `unread`: dates that are told to be unreadable already."""
        if case.received and case.finished and case.finished < case.received:
            self._tell(Severity.ERROR, "dates_in_order", case.row, "finished", f"{case.finished:%d/%m/%Y}", "Ngày trả trước ngày tiếp nhận.")
        if case.received and case.due and case.due < case.received:
            self._tell(Severity.ERROR, "dates_in_order", case.row, "due", f"{case.due:%d/%m/%Y}", "Hạn trả trước ngày tiếp nhận.")
        if case.dossier_day and case.received and case.dossier_day > case.received:
            self._tell(
                Severity.WARNING, "dossier_day", case.row, "dossier_code", case.dossier_code or "", "Ngày trong mã hồ sơ sau ngày tiếp nhận."
            )
        period = self.rules.period
        if self.rules.kind is ListKind.DOSSIERS:
            if case.received is None and "received" not in unread:
                self._tell(Severity.ERROR, "received_missing", case.row, "received", "", "Thiếu ngày tiếp nhận.")
            if case.state and case.state.ended and case.finished is None and "finished" not in unread:
                self._tell(Severity.ERROR, "finished_missing", case.row, "finished", "", "Đã kết thúc mà thiếu ngày trả.")
            if case.finished and case.state and not case.state.ended:
                self._tell(
                    Severity.ERROR, "state_against_date", case.row, "state", case.state, "Có ngày trả mà trạng thái là chưa xong."
                )
            if period and case.received and case.received > period.last:
                self._tell(
                    Severity.ERROR, "date_outside", case.row, "received", f"{case.received:%d/%m/%Y}", f"Ngày nằm ngoài kỳ {period.label}."
                )
            if period and case.finished and case.finished < period.first:
                self._tell(
                    Severity.ERROR, "date_outside", case.row, "finished", f"{case.finished:%d/%m/%Y}", f"Đã xong trước kỳ {period.label}."
                )

    def _unit_was_there(self, case: Case, unit: UnitOfRow) -> None:
        # What an abolished office resolved in its time is history and right; what it receives later cannot be.
        day = case.received or case.issued or case.dossier_day
        if unit.closed_on and day and day > unit.closed_on:
            names = unit.heirs or tuple(filter(None, (unit.successor,)))
            heir = f" Đơn vị kế tục: {', '.join(names)}." if names else ""
            self._tell(
                Severity.ERROR, "unit_abolished", case.row, "unit", unit.code,
                f"Cơ quan này đã chấm dứt hoạt động ngày {unit.closed_on:%d/%m/%Y}.{heir}",
            )  # fmt: skip

    def _once(self, case: Case) -> None:
        key = identity_of(case, self.rules.kind)
        first = self._seen.setdefault(key, case.row)
        if first != case.row:
            thing = "dossier_code" if case.dossier_code else "number_symbol"
            self._tell(
                Severity.ERROR, "counted_twice", case.row, thing, case.dossier_code or case.number or "", f"Đã có ở dòng {first}."
            )


_NUMBER = re.compile(r"\s*(?:số\s*:?\s*)?(\d+(?:\s*/\s*(?:19|20)\d\d)?[A-Za-z]?)(?:\s*[/-]\s*(.*)|\s*)", re.IGNORECASE)


def split_number(text: str) -> tuple[str | None, str | None]:
    """Số and ký hiệu: `45/QĐ-UBND` → `45`, `QĐ-UBND`; `245/2015` → `245/2015`, None; `12/2021/QĐ-UBND` → `12/2021`, `QĐ-UBND`.
    A serial that is one word (`CH72757`) is a number."""
    if not text:
        return None, None
    if not (found := _NUMBER.fullmatch(text)):
        return (text, None) if any(c.isdigit() for c in text) else (None, text)
    return re.sub(r"\s+", "", found[1]), (found[2] or "").strip() or None


_DAY = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{1,2})\s*[/.\-]\s*(\d{4}|\d{2})(?:[ ,T]+\d[\d:.]*(?:\s*(?:SA|CH|giờ|h))?)?", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d[\d:.]*)?(Z|[+-]\d\d:?\d\d)?)?")
_COMPACT = re.compile(r"(19\d\d|20\d\d)(\d\d)(\d\d)")
_SERIAL = re.compile(r"([2-6]\d{4})(?:[.,]\d+)?")
_EPOCH = date(1899, 12, 30)
"""Day 0 of spreadsheets, which write a day without its format as a number: 44656 is 5 April 2022."""
_CLOCK_FIRST = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?[ ,]+(.*)")


@lru_cache(maxsize=20_000)
def read_day(text: str) -> date | None:
    """A day as lists write it: 05/3/2022, 5-3-22, 2022-03-05, 20220305, with or without a time before or after, or as the number
    that spreadsheets keep. None for what is none or could be two: with AM or PM the month may stand first."""
    text = text.strip()
    if clock := _CLOCK_FIRST.fullmatch(text):
        text = clock[1]
    if found := _ISO.fullmatch(text):
        if found[5] and found[4]:
            return _in_vietnam(text)
        year, month, day = map(int, found.groups()[:3])
    elif found := _COMPACT.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _SERIAL.fullmatch(text):
        return _EPOCH + timedelta(days=int(found[1]))
    elif found := _DAY.fullmatch(text):
        day, month, year = map(int, found.groups())
        if len(found[3]) == 2:
            # The century that is not in the future.
            year += 2000 if year + 2000 <= datetime.now().year + 1 else 1900
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _in_vietnam(text: str) -> date | None:
    """A moment with its zone: systems keep 17:30 UTC where the day in Vietnam is the next one."""
    try:
        return datetime.fromisoformat(text.replace(" ", "T")).astimezone(VIETNAM).date()
    except ValueError:
        return None


def _numbers_of_columns(filled: Sequence[str]) -> bool:
    found = [_ORDINAL.fullmatch(cell) for cell in filled]
    numbers = [int(one[1]) for one in found if one]
    return len(numbers) == len(found) >= 3 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _digits(text: str | None) -> str | None:
    """An identity number without spaces and dots; spreadsheets drop the leading zero of twelve digits."""
    if text is None:
        return None
    bare = re.sub(r"[\s.]", "", text)
    return f"0{bare}" if bare.isdigit() and len(bare) == 11 else bare or None
