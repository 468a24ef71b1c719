"""`sohoa batch`: the stacks that were handed over, whether their pages add up, and the word of a person where they do not."""

from __future__ import annotations

import typer

from cli.call import NEEDS_PERSON
from cli.terminal import clean, moment, print_json, say, table
from schemas.people import Right

app = typer.Typer(help="Các lô đã nhận và số trang. / Batches and their pages.", no_args_is_help=True)


@app.command("list", help="Các lô, mới nhất trước. / Batches, newest first.")
def list_batches(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from flows.people import sees_batch
    from flows.review import open_desk
    from schemas.texts import BATCH_STATUSES

    actor = context.obj.actor((Right.SCAN, Right.REPORT))
    with open_desk(context.obj.settings()) as desk:
        seen = [b for b in desk.catalogue.batches() if sees_batch(actor, b.unit or "", b.made_by or "")]
        summaries = [desk.catalogue.batch_summary(batch.id) for batch in seen]
    if as_json:
        print_json({"total": len(summaries), "batches": [_json(s) for s in summaries]})
    elif not summaries:
        say("Chưa có lô nào.")
    else:
        rows = [
            (s.batch.id, clean(s.batch.name), s.batch.dossier_code or "", s.pages_in, s.declared_pages or "",
             BATCH_STATUSES[s.batch.status], moment(s.batch.created))
            for s in summaries
        ]  # fmt: skip
        table(("Mã lô", "Tên", "Mã hồ sơ", "Trang", "Khai báo", "Trạng thái", "Lúc"), rows)
    return NEEDS_PERSON if any(s.batch.finished is None for s in summaries) else 0


@app.command(help="Đóng lô có số trang khác khai báo, kèm lý do. / Close a batch whose page count differs.")
def close(
    context: typer.Context,
    batch: str = typer.Argument(..., metavar="LÔ", help="Mã lô. / Id of the batch."),
    reason: str = typer.Option(..., "--reason", metavar="LÝ_DO", help="Vì sao số trang khác. / Why the count differs."),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
) -> None:
    from flows.people import require_batch
    from flows.review import open_desk

    actor = context.obj.actor(Right.SCAN, who)
    with open_desk(context.obj.settings()) as desk:
        require_batch(desk.catalogue, actor, Right.SCAN, batch)
        summary = desk.catalogue.finish_batch(batch, who=actor.who, mismatch_reason=reason)
    say(f"Đã đóng lô {summary.batch.id}: {summary.pages_in} trang, khai báo {summary.declared_pages or 'không'}.")


def _json(summary) -> dict:
    batch = summary.batch
    return {
        "id": batch.id, "name": batch.name, "dossier_code": batch.dossier_code, "status": batch.status,
        "created": batch.created.isoformat(), "declared": summary.declared_pages,
        "pages": {"in": summary.pages_in, "in_documents": summary.in_documents, "blank": summary.blank,
                  "separator": summary.separator, "quarantined": summary.quarantined},
    }  # fmt: skip
