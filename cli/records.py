"""`sohoa show` and `export`: one record looked at, records handed out."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, print_json, say, show_error
from schemas.people import Right


def add_to(app: typer.Typer) -> None:
    app.command(help="Một giấy tờ và ảnh trang có khung chữ. / One record; picture of a page with boxes.")(
        show
    )
    app.command(help="Lấy PDF và dữ liệu ra thư mục. / Write PDF and data to a folder.")(export)


def show(
    context: typer.Context,
    document: str = typer.Argument(
        ..., metavar="MÃ", help="Mã giấy tờ (đủ hoặc vài ký tự đầu). / Record id or its beginning."
    ),
    page: int = typer.Option(
        1, "--page", min=1, metavar="SỐ", help="Trang thứ mấy của giấy tờ, cho --png. / Page of the record."
    ),
    png: Path = typer.Option(
        None, "--png", metavar="TỆP", help="Ghi ảnh trang có khung từ và trường. / Picture with boxes."
    ),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> None:
    from cli.review import print_record
    from flows.export import record_facts
    from flows.people import looked, masked_row, require_document, sees_personal, unit_of
    from flows.review import open_desk, page_png
    from schemas.errors import NotFound
    from schemas.people_errors import NotAllowed

    actor = context.obj.actor((Right.SEARCH, Right.SCAN))
    with open_desk(context.obj.settings()) as desk:
        row = desk.catalogue.document(document)
        require_document(desk.catalogue, actor, Right.SEARCH, row.id)
        personal = sees_personal(actor, *unit_of(desk.catalogue, row.batch))
        if png is not None and not personal:  # a picture cannot be masked
            raise NotAllowed(str(Right.SEE_PERSONAL))
        looked(desk.catalogue, actor, row.id, detail={"masked": not personal})
        row = masked_row(desk.catalogue, row, actor, desk.settings)
        if png is not None:
            if page > len(row.pages):
                raise NotFound(f"trang {page}; {row.id} có {len(row.pages)} trang")
            png.write_bytes(page_png(desk, row, row.pages[page - 1]))
        if as_json:
            print_json(record_facts(row))
            return
        print_record(desk, row, history=personal)
        if png is not None:
            say(f"Ảnh trang {page}: {clean(png)}")


def export(
    context: typer.Context,
    documents: list[str] = typer.Argument(None, metavar="[MÃ…]", help="Mã giấy tờ. / Record ids."),
    batch: str = typer.Option(None, "--batch", metavar="LÔ", help="Cả lô. / A whole batch."),
    to: Path = typer.Option(..., "--to", metavar="THƯ_MỤC", help="Nơi ghi. / Where to."),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
) -> int:
    from flows.export import MANIFEST, READY, export_record
    from flows.people import require_document
    from flows.review import open_desk
    from schemas.errors import NotAllowedNow, SohoaError, WrongUse

    call: Call = context.obj
    if bool(documents) == bool(batch):
        raise WrongUse("nêu mã giấy tờ, hoặc --batch LÔ")
    actor = call.actor(Right.EXPORT, who)
    failed: list[SohoaError] = []
    written = 0
    with open_desk(call.settings()) as desk:
        if batch:
            rows = desk.catalogue.documents(batch)
            waiting = [row for row in rows if row.status not in READY]
            rows = [row for row in rows if row.status in READY]
        else:
            rows, waiting = [desk.catalogue.document(document) for document in documents], []
        for row in rows:
            try:
                require_document(desk.catalogue, actor, Right.EXPORT, row.id)
                exported = export_record(desk, row, to, who=actor.who)
            except NotAllowedNow:
                waiting.append(row)
                continue
            except SohoaError as error:
                if len(rows) == 1:
                    raise
                failed.append(error)
                show_error(error, call.language)
                continue
            written += 1
            say(clean(exported.pdf))
    say(f"Đã ghi {written} giấy tờ (PDF và JSON) vào {clean(to)}." if written else "Chưa ghi giấy tờ nào.")
    if written:
        say(f"Kiểm tra sau khi chép: cd {clean(to)} && sha256sum --check {MANIFEST}")
    if waiting:
        ids = ", ".join(row.id for row in waiting[:5])
        more = ", …" if len(waiting) > 5 else ""
        say(f"Để lại {len(waiting)} giấy tờ chưa kiểm tra xong: {ids}{more}. Xem: sohoa review list")
    return NEEDS_PERSON if waiting or failed else 0
