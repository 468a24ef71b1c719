"""`sohoa preserve dispose`: destroying what is due, by a list that one proposes and another approves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, moment, print_json, say, table

if TYPE_CHECKING:
    from schemas.keeping import DisposalList

app = typer.Typer(no_args_is_help=True, help="Tiêu huỷ hồ sơ hết thời hạn. / Destroy what is past its term.")
_WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")
_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")
_LIST = typer.Argument(..., metavar="DANH_SÁCH", help="Mã danh sách. / Id of the list.")
_STATES = {"proposed": "chờ phê duyệt", "approved": "đã duyệt, chưa huỷ", "refused": "không duyệt", "done": "đã tiêu huỷ"}
_SHOWN = 40


@app.command("due", help="Hồ sơ hết thời hạn lưu trữ. / Records whose term is over.")
def due(context: typer.Context, as_json: bool = _JSON) -> int:
    from flows import retention
    from flows.fixity import open_keeping
    from schemas.people import Right

    call: Call = context.obj
    settings = call.settings()
    call.actor(Right.PRESERVE)
    with open_keeping(settings) as archive:
        found = retention.due(archive)
    if as_json:
        print_json([term.model_dump(mode="json") for term in found])
    elif found:
        rows = [(t.subject, t.record_class, f"{t.starts:%d/%m/%Y}", f"{t.ends:%d/%m/%Y}") for t in found[:_SHOWN]]
        table(("Hồ sơ", "Thời hạn", "Tính từ", "Được huỷ từ"), rows, unbroken=("Hồ sơ",))
        say(f"{len(found)} hồ sơ. Đề nghị: sohoa preserve dispose propose --reason …")
    else:
        say("Không có hồ sơ nào hết thời hạn lưu trữ.")
    return NEEDS_PERSON if found else 0


@app.command("propose", help="Lập danh sách đề nghị tiêu huỷ. / Propose a list.")
def propose(
    context: typer.Context,
    documents: list[str] = typer.Argument(None, metavar="[MÃ…]", help="Bỏ trống: mọi hồ sơ hết hạn. / None: all due."),
    reason: str = typer.Option(..., "--reason", metavar="LÝ_DO", help="Căn cứ đề nghị. / Why."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows import retention

    return _shown(context, who, as_json, lambda archive, by: retention.propose(archive, documents or (), reason, who=by))


@app.command("approve", help="Người khác phê duyệt, hoặc không. / Somebody else approves, or refuses.")
def approve(
    context: typer.Context,
    list_id: str = _LIST,
    decision: str = typer.Option(..., "--decision", metavar="SỐ", help="Số, ngày quyết định; hoặc lý do không duyệt. / Decision."),
    refuse: bool = typer.Option(False, "--refuse", help="Không phê duyệt. / Refuse."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows import retention

    return _shown(
        context, who, as_json,
        lambda archive, by: retention.decide(archive, list_id, approve=not refuse, decision=decision, who=by),
    )  # fmt: skip


@app.command("run", help="Tiêu huỷ theo danh sách đã duyệt. / Destroy what an approved list names.")
def run(context: typer.Context, list_id: str = _LIST, who: str = _WHO, as_json: bool = _JSON) -> int:
    from flows import retention

    return _shown(context, who, as_json, lambda archive, by: retention.run(archive, list_id, who=by))


@app.command("list", help="Các danh sách và biên bản tiêu huỷ. / All lists, kept for ever.")
def lists(context: typer.Context, as_json: bool = _JSON) -> int:
    from flows.fixity import open_keeping
    from schemas.people import Right
    from storage.keeping.retention import Disposals

    call: Call = context.obj
    settings = call.settings()
    call.actor(Right.PRESERVE)
    with open_keeping(settings) as archive:
        found = Disposals(archive.catalogue).lists()
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return 0
    rows = [
        (one.id, _STATES[one.state], len(one.items), one.proposed_by, one.approved_by or "", one.decision, moment(one.proposed_at))
        for one in found
    ]
    table(("Danh sách", "Tình trạng", "Hồ sơ", "Đề nghị", "Phê duyệt", "Quyết định", "Lập lúc"), rows, unbroken=("Danh sách",))
    return 0


def _shown(context: typer.Context, who: str | None, as_json: bool, act) -> int:
    from flows.fixity import open_keeping
    from schemas.people import Right

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        found: DisposalList = act(archive, actor.who)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show(found)
    return NEEDS_PERSON if any(item.left_out for item in found.items) or found.state in ("proposed", "approved") else 0


def _show(found: DisposalList) -> None:
    say(f"Danh sách {found.id}: {_STATES[found.state]}, {len(found.items)} hồ sơ.")
    rows = [
        (i.subject, clean(i.title), i.record_class, f"{i.ends:%d/%m/%Y}", "đã huỷ" if i.done_at else i.left_out)
        for i in found.items[:_SHOWN]
    ]
    table(("Hồ sơ", "Tên", "Thời hạn", "Được huỷ từ", "Kết quả"), rows, unbroken=("Hồ sơ",))
    if found.state == "proposed":
        say(f"Người khác phê duyệt: sohoa preserve dispose approve {found.id} --decision …")
    elif found.state == "approved":
        say(f"Tiêu huỷ: sohoa preserve dispose run {found.id}")
    elif found.record:
        say(f"Biên bản tiêu huỷ, giữ vĩnh viễn: {found.record.key}")
