"""Results of a search as a table for other programs: CSV or XLSX, row by row, however many there are.

Values come from paper that anybody may have brought: none of them may become a formula in somebody's spreadsheet (OWASP: CSV
injection).
"""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.masking import personal_class
from flows.people import looked
from flows.report_csv import safe
from flows.search import all_pages, masked_hit
from schemas.errors import DiskFull, SystemFault, TargetExists, WrongUse
from schemas.people import Actor
from schemas.settings import Settings
from schemas.texts import DOCUMENT_STATUSES, VALIDITIES, shown_value
from storage.catalogue import Catalogue, Hit
from storage.search import Query

ROWS_AT_MOST = 100_000
"""A spreadsheet that people still open; what is beyond is said, not silently cut."""
_NO_SPACE = (28, 122)  # ENOSPC, EDQUOT
NAMES = (
    "ho_ten", "vo_ho_ten", "chong_ho_ten", "chu_ho", "ten_ho_kinh_doanh", "chu_dau_tu", "ten_thuong_nhan", "ten_co_so",
    "doi_tuong", "nguoi_de_nghi",
)  # fmt: skip
COLUMNS = (
    "Mã giấy tờ", "Loại giấy tờ", "Số, ký hiệu", "Ngày ban hành", "Cơ quan ban hành", "Họ tên / tên", "Số định danh",
    "Trích yếu", "Hiệu lực", "Ghi chú hiệu lực", "Trạng thái", "Mã hồ sơ", "Mã văn bản (DocCode)", "Đơn vị",
)  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """What was written."""

    rows: int
    complete: bool
    """False: there are more than ROWS_AT_MOST."""


def export_found(
    catalogue: Catalogue,
    query: Query,
    path: Path,
    *,
    actor: Actor,
    settings: Settings,
    kind_name: Callable[[str], str] = str,
) -> Exported:
    """Writes all results of `query` that the actor may see, masked where need be, as the name of `path` says (.csv, .xlsx).

    Each thousand rows are written down as looked at before they are. An existing file is not replaced. Raises NotAllowed,
    WrongUse, TargetExists, DiskFull, SystemFault.
    """
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise WrongUse(f"{path.name}: .csv, .xlsx")
    if path.exists():
        raise TargetExists(path.name)
    writing = _csv if path.suffix.lower() == ".csv" else _xlsx
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    written, more = 0, False
    try:
        with writing(part) as write:
            write(COLUMNS)
            for hits in all_pages(catalogue, query, actor, at_most=ROWS_AT_MOST + 1):
                more = written + len(hits) > ROWS_AT_MOST
                hits = hits[: ROWS_AT_MOST - written]
                looked(
                    catalogue, actor, [hit.id for hit in hits], action="listed", detail={"file": path.name}
                )
                for hit in hits:
                    write(_cells(masked_hit(hit, actor, settings), kind_name))
                written += len(hits)
        try:
            os.link(part, path)  # fails where a rename would replace
        except FileExistsError:
            raise TargetExists(path.name) from None
        except OSError:
            os.rename(part, path)  # a stick or share without hard links
    except OSError as error:
        raise (DiskFull if error.errno in _NO_SPACE else SystemFault)(
            f"{path.name}: {error.strerror}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return Exported(written, not more)


def _cells(hit: Hit, kind_name: Callable[[str], str]) -> list[str]:
    fields = hit.fields
    names = dict.fromkeys(fields[name] for name in NAMES if fields.get(name))
    # A paper of two people has two numbers, each in a field of its own name.
    numbers = dict.fromkeys(value for name, value in fields.items() if value and personal_class(name) == "identity")
    return [
        hit.id,
        kind_name(hit.type),
        fields.get("so_ky_hieu") or "",
        shown_value(hit.issued) if hit.issued else "",
        hit.agency or "",
        "; ".join(names),
        "; ".join(numbers),
        fields.get("trich_yeu") or "",
        VALIDITIES[hit.validity],
        hit.validity_reason,
        DOCUMENT_STATUSES[hit.status],
        hit.dossier_code or "",
        hit.doc_code or "",
        hit.unit,
    ]


@contextmanager
def _csv(path: Path) -> Iterator[Callable[[Sequence[str]], None]]:
    """UTF-8 with a mark, so that spreadsheets read Vietnamese."""
    with path.open("x", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        yield lambda cells: writer.writerow([safe(cell) for cell in cells])
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _xlsx(path: Path) -> Iterator[Callable[[Sequence[str]], None]]:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Kết quả tìm")
    sheet.freeze_panes = "A2"

    def write(cells: Sequence[str]) -> None:
        row = []
        for text in cells:
            cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", text)[:32_767])
            cell.data_type = "s"  # text whatever it begins with
            row.append(cell)
        sheet.append(row)

    yield write
    book.save(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
