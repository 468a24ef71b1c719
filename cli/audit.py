"""`sohoa audit`: who did, saw and took away what; whether anybody touched the book of it."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, moment, print_json, say, table
from schemas.people import Right

app = typer.Typer(no_args_is_help=True, help="Nhật ký kiểm toán. / Audit chain.")
_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")
_DAY = ["%Y-%m-%d"]
_KINDS = {
    "changed": "nội dung đã bị sửa",
    "link": "không nối với dòng trước nó",
    "removed": "đã bị xoá",
    "removed_end": "các dòng cuối đã bị xoá",
    "inserted": "bị chèn thêm",
    "rechained": "đã bị viết lại cho khớp (bản ghi ngoài cơ sở dữ liệu không khớp)",
    "seal_differs": "khác với bản đã niêm phong",
    "seal_broken": "niêm phong hỏng",
    "seal_missing": "thiếu một niêm phong trước đó",
    "seal_replaced": "niêm phong có nhiều bản",
    "seal_late": "dấu thời gian của niêm phong không khớp ngày",
    "guard_missing": "cơ sở dữ liệu không còn chặn sửa, xoá",
    "unwitnessed": "chưa có bản ghi ngoài cơ sở dữ liệu",
    "clock_back": "đồng hồ máy bị lùi",
    "seal_untrusted": "chưa kiểm tra được nơi cấp dấu thời gian",
}
_SHOWN = 50


@app.command("list", help="Ai làm gì, xem gì, lúc nào. / Who did and saw what.")
def list_rows(
    context: typer.Context,
    object: str = typer.Option(
        None, "--object", metavar="MÃ", help="Mã giấy tờ, lô, người… / Of one object."
    ),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Tên đăng nhập hoặc mã. / Of one person."),
    action: str = typer.Option(
        None, "--action", metavar="VIỆC", help="Ví dụ looked, downloaded. / One action."
    ),
    since: datetime = typer.Option(None, "--since", formats=_DAY, metavar="NGÀY", help="Từ ngày. / From."),
    until: datetime = typer.Option(None, "--until", formats=_DAY, metavar="NGÀY", help="Đến ngày. / To."),
    limit: int = typer.Option(50, "--limit", min=1, max=10_000, metavar="SỐ", help="Nhiều nhất. / At most."),
    as_json: bool = _JSON,
) -> None:
    from flows.people import open_people

    call: Call = context.obj
    actor = call.actor(Right.AUDIT)
    with open_people(call.settings()) as people:
        rows = people.audit.rows(
            object=object, who=who, action=action, since=since.date() if since else None,
            until=until.date() if until else None, limit=limit,
        )  # fmt: skip
        with people.catalogue.write() as connection:
            people.audit.add(connection, actor, "audit_read", object or "", detail={"rows": len(rows)})
    if as_json:
        print_json({"total": len(rows), "rows": [_json(row) for row in rows]})
    elif not rows:
        say("Không có dòng nào.")
    else:
        table(
            ("Số", "Lúc", "Ai", "Qua", "Việc", "Đối tượng", "Lý do"),
            [(r.seq, moment(r.at), r.who, r.via, r.action, r.object, r.why or _wanted(r)) for r in rows],
            unbroken=("Số", "Lúc"),
        )


@app.command("check", help="Kiểm tra toàn bộ chuỗi; chỉ ra chỗ bị sửa. / Check the chain; locate tampering.")
def check(context: typer.Context, as_json: bool = _JSON) -> int:
    from flows.audit import check as run

    call: Call = context.obj
    call.actor((Right.AUDIT, Right.PRESERVE))
    found = run(call.settings(), told=_told)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if as_json:
        print_json(
            {
                "whole": found.whole, "rows": found.rows, "head": found.head, "seals": found.seals,
                "sealed_to": found.sealed_to, "unsealed_days": [day.isoformat() for day in found.unsealed_days],
                "problems": [
                    {"kind": p.kind, "from": p.seq, "to": p.seq_to, "day": p.day.isoformat() if p.day else None,
                     "detail": p.detail}
                    for p in found.problems
                ],
            }
        )  # fmt: skip
    else:
        for p in found.problems[:_SHOWN]:
            rows = f"dòng {p.seq}" if p.seq == p.seq_to else f"dòng {p.seq}–{p.seq_to}"
            day = f" ({p.day:%d/%m/%Y})" if p.day else ""
            say(f"{rows}{day}: {_KINDS[p.kind]}" + (f" [{clean(p.detail)}]" if p.detail else ""))
        if len(found.problems) > _SHOWN:
            say(f"… và {len(found.problems) - _SHOWN} điểm nữa; xem hết với --json.")
        said = "nguyên vẹn" if found.whole else "ĐÃ BỊ ĐỘNG VÀO"
        say(
            f"Nhật ký {said}: {found.rows} dòng, {found.seals} niêm phong, niêm phong tới dòng {found.sealed_to}."
        )
        if found.unsealed_days:
            days = ", ".join(f"{day:%d/%m/%Y}" for day in found.unsealed_days[:7])
            say(f"Chưa niêm phong: {days}. Niêm phong: sohoa audit seal")
    return 0 if found.whole and not found.unsealed_days else NEEDS_PERSON


@app.command("seal", help="Niêm phong bằng dấu thời gian; chạy mỗi ngày. / Seal by a timestamp, daily.")
def seal(context: typer.Context) -> None:
    from flows.audit import seal as run

    call: Call = context.obj
    made = run(call.settings(), call.actor((Right.AUDIT, Right.PRESERVE)))
    if made is None:
        say("Không có gì mới kể từ lần niêm phong trước.")
    else:
        say(f"Đã niêm phong tới dòng {made.seq}: {made.key}")


@app.command("export", help="Xuất nhật ký và niêm phong cho đoàn kiểm tra. / For an inspector.")
def export(
    context: typer.Context,
    to: Path = typer.Option(..., "--to", metavar="THƯ_MỤC", help="Nơi ghi. / Where to."),
) -> None:
    from flows.audit import export as run

    call: Call = context.obj
    rows, seals = run(call.settings(), to, call.actor(Right.AUDIT))
    say(f"Đã ghi {rows} dòng và {seals} niêm phong vào {clean(to)}.")


def _told(rows: int) -> None:
    if sys.stderr.isatty():
        print(f"\rĐã kiểm tra {rows:,} dòng".replace(",", "."), end="", file=sys.stderr, flush=True)


def _wanted(row) -> str:
    """What a refused row is about."""
    return ": ".join(row.detail[name] for name in ("asked", "right") if name in row.detail)


def _json(row) -> dict:
    return {
        "seq": row.seq, "at": row.at.isoformat(), "who": row.who, "actor": row.actor, "via": row.via, "unit": row.unit,
        "address": row.address, "action": row.action, "object": row.object, "why": row.why, "detail": row.detail,
        "hash": row.hash,
    }  # fmt: skip
