"""`sohoa validity`: whether a record is in force, and recording that it is no more."""

from __future__ import annotations

from datetime import datetime

import typer

from cli.call import Call
from cli.terminal import clean, moment, print_json, say
from schemas.people import Right


def add_to(app: typer.Typer) -> None:
    app.command(
        name="validity",
        help="Hiệu lực của giấy tờ; ghi nhận thu hồi, thay thế. / Validity of a record; record changes.",
    )(validity)


def validity(
    context: typer.Context,
    document: str = typer.Argument(..., metavar="MÃ", help="Mã giấy tờ. / Record id."),
    revoked: bool = typer.Option(False, "--revoked", help="Đã bị thu hồi, huỷ bỏ. / Revoked."),
    replaced_by: str = typer.Option(
        None, "--replaced-by", metavar="MÃ2", help="Đã được thay bằng giấy tờ này. / Replaced by this record."
    ),
    until: datetime = typer.Option(
        None,
        "--in-force-until",
        formats=["%Y-%m-%d"],
        metavar="NGÀY",
        help="Còn hiệu lực đến hết ngày. / In force until.",
    ),
    unlimited: bool = typer.Option(
        False,
        "--in-force",
        help="Còn hiệu lực, không thời hạn; cũng để bỏ ghi nhận nhầm. / In force without limit.",
    ),
    why: str = typer.Option("", "--why", metavar="LÝ_DO", help="Vì sao. / Why."),
    source: str = typer.Option(
        "", "--source", metavar="CĂN_CỨ", help="Văn bản làm căn cứ. / Paper that says so."
    ),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> None:
    from flows.people import looked, require_document
    from flows.review import open_desk
    from flows.search import kinds_without_limit, today_here
    from schemas.errors import WrongUse
    from schemas.texts import VALIDITIES
    from storage.search import Act, acts, record_act, validity_of
    from storage.search import why as reason_of

    given = [revoked, replaced_by is not None, until is not None, unlimited]
    if sum(given) > 1:
        raise WrongUse("chỉ một trong --revoked, --replaced-by, --in-force-until, --in-force")
    if any(given) and not (why.strip() and source.strip()):
        raise WrongUse("ghi nhận hiệu lực cần --why và --source")
    call: Call = context.obj
    right = Right.REGISTER if any(given) else Right.SEARCH
    actor = call.actor(right, who)
    with open_desk(call.settings()) as desk:
        row = desk.catalogue.document(document)
        require_document(desk.catalogue, actor, right, row.id)
        if any(given):
            state = "revoked" if revoked else "replaced" if replaced_by else "in_force"
            act = Act(state, why, source, until=until.date() if until else None, replaced_by=replaced_by)
            row = record_act(desk.catalogue, row.id, act, who=actor.who, expected_revision=row.revision)
        looked(desk.catalogue, actor, row.id)
        today, endless = today_here(), kinds_without_limit(desk)
        now, reason = validity_of(row, today, endless), reason_of(row, today, endless)
        history = acts(desk.catalogue, row.id)
    if as_json:
        print_json(
            {
                "id": row.id,
                "validity": str(now),
                "reason": reason,
                "valid_from": row.valid_from,
                "valid_to": row.validity_until or row.valid_to,
                "replaced_by": row.replaced_by,
                "acts": [
                    {"state": a.state, "until": a.until, "replaced_by": a.replaced_by, "why": a.why, "source": a.source,
                     "who": a.who, "at": a.at.isoformat()} for a in history
                ],
            }
        )  # fmt: skip
        return
    say(f"{row.id}: {VALIDITIES[now]}. {clean(reason)}")
    for a in history:
        what = (
            VALIDITIES[a.state]
            + (f" bằng {a.replaced_by}" if a.replaced_by else "")
            + (f" đến {a.until}" if a.until else "")
        )
        say(f"  {moment(a.at)}  {clean(a.who)}: {what}; {clean(a.why)} ({clean(a.source)})")
