"""`sohoa find`: records found again, as a list, as JSON, as a table for other programs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import typer

from cli.call import Call
from cli.terminal import clean, coloured, print_json, say, shown, table
from schemas.people import Right

KEY_FIELDS = (
    "so_ky_hieu", "ngay_ban_hanh", "ho_ten", "vo_ho_ten", "chong_ho_ten", "ten_ho_kinh_doanh", "chu_ho", "chu_dau_tu",
    "doi_tuong", "trich_yeu", "co_quan_ban_hanh",
)  # fmt: skip
"""What tells one hit from another in a list."""
_FACETS = {"kind": "Loại", "agency": "Cơ quan", "year": "Năm", "validity": "Hiệu lực", "unit": "Đơn vị"}
_FACETS_SHOWN = 8


def add_to(app: typer.Typer) -> None:
    app.command(help="Tìm, gõ không dấu cũng được. / Find, accents do not matter.")(find)


def find(
    context: typer.Context,
    words: list[str] = typer.Argument(None, metavar="[TỪ…]", help="Từ cần tìm. / Words to find."),
    id_number: str = typer.Option(
        None,
        "--id-number",
        metavar="SỐ",
        help="Số định danh của chủ giấy tờ, đúng cả số. / Owner's identity number, exact.",
    ),
    name: str = typer.Option(None, "--name", metavar="TÊN", help="Tên chủ giấy tờ. / Owner's name."),
    number: str = typer.Option(None, "--number", metavar="SỐ", help="Số, hoặc cả số và ký hiệu. / Number."),
    symbol: str = typer.Option(None, "--symbol", metavar="KÝ_HIỆU", help="Ký hiệu. / Symbol."),
    kind: list[str] = typer.Option([], "--kind", metavar="LOẠI", help="Mã loại giấy tờ. / Kind of paper."),
    agency: list[str] = typer.Option(
        [], "--agency", metavar="CƠ_QUAN", help="Cơ quan ban hành, tên hoặc mã, cũ hay mới. / Issuing agency."
    ),
    first: datetime = typer.Option(
        None, "--from", formats=["%Y-%m-%d"], metavar="NGÀY", help="Ban hành từ ngày. / Issued from."
    ),
    last: datetime = typer.Option(
        None, "--to", formats=["%Y-%m-%d"], metavar="NGÀY", help="Ban hành đến hết ngày. / Issued until."
    ),
    dossier: str = typer.Option(None, "--dossier", metavar="MÃ", help="Mã hồ sơ. / Dossier code."),
    tthc: str = typer.Option(
        None, "--tthc", metavar="MÃ", help="Mã thủ tục hành chính. / Code of the procedure."
    ),
    code: str = typer.Option(
        None, "--code", metavar="MÃ", help="DocCode hoặc mã kết quả. / Code of the record."
    ),
    validity: list[str] = typer.Option(
        [],
        "--validity",
        metavar="HIỆU_LỰC",
        help="in_force, expired, revoked, replaced, not_yet, unknown. / Validity.",
    ),
    unit: list[str] = typer.Option(
        [], "--unit", metavar="ĐƠN_VỊ", help="Mã đơn vị giữ. / Unit that keeps it."
    ),
    limit: int = typer.Option(
        20, "--limit", min=1, max=1000, metavar="SỐ", help="Nhiều nhất bao nhiêu. / At most."
    ),
    offset: int = typer.Option(0, "--offset", min=0, metavar="SỐ", help="Bỏ qua bao nhiêu. / Skip."),
    cursor: str = typer.Option(
        None, "--cursor", metavar="DẤU", help="Trang sau, theo dấu của trang trước. / Next page."
    ),
    facets: bool = typer.Option(
        False, "--facets", help="Đếm theo loại, cơ quan, năm… / Count by kind, agency, year…"
    ),
    to_file: Path = typer.Option(
        None, "--export", metavar="TỆP", help="Ghi mọi kết quả ra .csv hoặc .xlsx. / All results as a table."
    ),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> None:
    from pydantic import ValidationError

    from flows.review import open_desk
    from schemas.errors import WrongUse
    from storage.search import Query

    call: Call = context.obj
    asked = {
        "text": " ".join(words or ()), "id_number": id_number, "name": name, "number": number, "symbol": symbol,
        "kind": kind, "agency": agency, "issued_from": first and first.date(), "issued_to": last and last.date(),
        "dossier": dossier, "tthc": tthc, "code": code, "validity": validity, "unit": unit,
    }  # fmt: skip
    if not any(asked.values()):
        raise WrongUse("thiếu TỪ…: nêu từ cần tìm, hoặc một điều kiện như --name, --kind")
    try:
        query = Query(**asked, limit=limit, offset=offset, cursor=cursor, facets=facets)
    except ValidationError as error:
        first_problem = error.errors()[0]
        raise WrongUse(
            f"--{'-'.join(str(p) for p in first_problem['loc'][:1])}: {first_problem['msg']}"
        ) from error
    if to_file is not None:
        _export(call, query, to_file)
        return
    from flows.people import looked
    from flows.search import find as found_by
    from flows.search import found_facts, masked_found

    actor = call.actor((Right.SEARCH, Right.SCAN))
    with open_desk(call.settings()) as desk:
        found = found_by(desk.catalogue, query, actor)
        looked(desk.catalogue, actor, [hit.id for hit in found.hits], action="found")
        found = masked_found(found, actor, desk.settings)
        if as_json:
            print_json(found_facts(found))
            return
        _show(desk, found)


def _export(call: Call, query, path: Path) -> None:
    from flows.review import open_desk
    from flows.table_export import ROWS_AT_MOST, export_found

    actor = call.actor(Right.EXPORT)
    with open_desk(call.settings()) as desk:
        written = export_found(
            desk.catalogue, query, path, actor=actor, settings=desk.settings, kind_name=desk.kind_name
        )
    say(f"Đã ghi {written.rows} giấy tờ vào {clean(path)}.")
    if not written.complete:
        say(f"Còn nữa: mỗi tệp nhiều nhất {ROWS_AT_MOST} dòng; hãy chia theo năm hoặc loại giấy tờ.")


def _show(desk, found) -> None:
    from schemas.texts import VALIDITIES

    if not found.hits:
        say("Không tìm thấy giấy tờ nào.")
        return
    if found.spelled:
        say(f"Có tìm cả từ viết gần giống: {', '.join(found.spelled[:8])}.")
    rows = [(h.id, desk.kind_name(h.type), _key_facts(h.fields), VALIDITIES[h.validity]) for h in found.hits]
    table(("Mã", "Loại giấy tờ", "Nội dung", "Hiệu lực"), rows)
    for hit in found.hits:
        _show_snippet(hit)
    if found.facets is not None:
        _show_facets(desk, found.facets)
    more = f", hiện {len(found.hits)}" if found.total > len(found.hits) else ""
    say(f"{found.total_text} giấy tờ{more}. Xem: sohoa show {found.hits[0].id}")
    if found.next_cursor:
        say(f"Trang sau: thêm --cursor {found.next_cursor}")


def _show_snippet(hit) -> None:
    """Where the words stand in the running text; fields are in the table already."""
    for snippet in hit.snippets:
        if snippet.field == "text":
            pieces, last = [], 0
            for start, end in snippet.marks:
                pieces += [clean(snippet.text[last:start]), coloured(clean(snippet.text[start:end]), "1")]
                last = end
            say(f"  {hit.id}: …{''.join(pieces)}{clean(snippet.text[last:])}…")


def _show_facets(desk, facets) -> None:
    from schemas.texts import VALIDITIES

    if not facets.complete:
        say(f"Đếm trên {facets.counted} kết quả mới nhất:")
    for name, heading in _FACETS.items():
        counts = sorted(getattr(facets, name).items(), key=lambda item: -item[1])[:_FACETS_SHOWN]
        called = {"kind": desk.kind_name, "validity": VALIDITIES.get}.get(name, str)
        parts = [f"{clean(called(value)) if value else 'chưa rõ'} {count}" for value, count in counts]
        say(f"  {heading}: {' · '.join(parts)}")


def _key_facts(fields: dict[str, str | None]) -> str:
    values = [shown(fields[name]) for name in KEY_FIELDS if fields.get(name)]
    return " · ".join(values[:5])
