"""Refusing to certify: the checklist of the law, and the written notice that is kept (NĐ 23/2015 Đ22)."""

from __future__ import annotations

import sqlalchemy as sa

from schemas.errors import RequestKeyReused, WrongUse
from schemas.register import NoticeTemplate, Refusal, RefusalReason, RefusalRequest
from storage.catalogue.database import insert
from storage.catalogue.events import add_event
from storage.catalogue.rows import short_id
from storage.register import tables as t
from storage.register.desk import Desk
from storage.register.rows import local

_LAW = "NĐ 23/2015/NĐ-CP Điều 22 khoản {}"

CHECKLIST: tuple[RefusalReason, ...] = (
    RefusalReason(
        code="altered",
        text="Bản chính bị tẩy xóa, sửa chữa, thêm, bớt nội dung không hợp lệ.",
        source=_LAW.format(1),
    ),
    RefusalReason(
        code="unreadable",
        text="Bản chính bị hư hỏng, cũ nát, không xác định được nội dung.",
        source=_LAW.format(2),
    ),
    RefusalReason(
        code="secret",
        text="Bản chính đóng dấu mật của cơ quan, tổ chức có thẩm quyền hoặc không đóng dấu mật nhưng ghi rõ không được "
        "sao chụp.",
        source=_LAW.format(3),
    ),
    RefusalReason(
        code="unlawful",
        text="Bản chính có nội dung trái pháp luật, đạo đức xã hội; tuyên truyền, kích động chiến tranh, chống chế độ xã "
        "hội chủ nghĩa Việt Nam; xuyên tạc lịch sử của dân tộc Việt Nam; xúc phạm danh dự, nhân phẩm, uy tín của cá nhân, "
        "tổ chức; vi phạm quyền công dân.",
        source=_LAW.format(4),
    ),
    RefusalReason(
        code="foreign",
        text="Bản chính do cơ quan, tổ chức có thẩm quyền của nước ngoài cấp, công chứng hoặc chứng nhận chưa được hợp "
        "pháp hóa lãnh sự theo quy định tại khoản 1 Điều 20 của Nghị định này.",
        source=_LAW.format(5),
        exceptions=(
            "Hộ chiếu",
            "Thẻ căn cước",
            "Thẻ thường trú, thẻ cư trú",
            "Giấy phép lái xe",
            "Bằng tốt nghiệp",
            "Chứng chỉ kèm theo bảng điểm",
        ),
        exceptions_source="TT 01/2020/TT-BTP Điều 6",
    ),
    RefusalReason(
        code="private",
        text="Giấy tờ, văn bản do cá nhân tự lập nhưng không có xác nhận và đóng dấu của cơ quan, tổ chức có thẩm quyền.",
        source=_LAW.format(6),
    ),
)
"""All six, in the order of the law. The parts of 3 to 6 that the copy at hand leaves out are from memory [M-H]."""

NOTICE = NoticeTemplate(
    name="tu-choi-chung-thuc",
    version=1,
    source="The duty to give the reason in writing: NĐ 23/2015/NĐ-CP Đ9 [M-H]; no form is prescribed, the wording is ours.",
    text="""{agency_name}

THÔNG BÁO
Về việc từ chối chứng thực bản sao từ bản chính

Kính gửi: {requester}

Ngày {day:%d} tháng {day:%m} năm {day:%Y}, {agency_name} nhận được yêu cầu chứng thực bản sao từ bản chính: {original}.
Sau khi kiểm tra bản chính, người thực hiện chứng thực từ chối chứng thực vì lý do sau đây:
{reasons}
{explanation}
Ngày {day:%d} tháng {day:%m} năm {day:%Y}
{officer_title}
{officer}
""",
)


class Refusals(Desk):
    def refuse(self, request: RefusalRequest, *, who: str) -> Refusal:
        """Keep a refusal with its written notice. It takes no register number: the law gives it none. The same request
        again gives the same refusal.

        Raises WrongUse for a reason that is not on the checklist, RequestKeyReused for other contents.
        """
        by_code = {reason.code: reason for reason in CHECKLIST}
        unknown = [code for code in request.reasons if code not in by_code]
        if unknown:
            raise WrongUse(f"not a reason of Điều 22: {', '.join(unknown)}")
        moment = self.moment()
        listed = [by_code[code] for code in request.reasons]
        reasons = [f"- {reason.text} ({reason.source})" for reason in listed]
        facts = request.model_dump(mode="json", exclude={"agency_name"})
        notice = NOTICE.text.format(
            **facts
            | {
                "agency_name": request.agency_name,
                "day": moment.date(),
                "reasons": "\n".join(reasons),
                "explanation": f"Giải thích: {request.explanation}" if request.explanation else "",
            }
        )
        refusal = short_id("T", request.request_key)
        with self.database.write() as connection:
            statement = insert(connection, t.refusals).values(
                id=refusal,
                at=moment,
                who=who,
                template=f"{NOTICE.name}/{NOTICE.version}",
                notice=notice,
                **facts,
            )
            if connection.scalar(statement.on_conflict_do_nothing().returning(t.refusals.c.id)):
                add_event(connection, who, "certification_refused", refusal, reasons=list(request.reasons))
            row = connection.execute(sa.select(t.refusals).where(t.refusals.c.id == refusal)).mappings().one()
        if any(row[name] != value for name, value in facts.items()):
            raise RequestKeyReused(f"refusal {refusal}")
        return _refusal(row)

    def refusals(self, agency: str) -> list[Refusal]:
        """Oldest first."""
        query = sa.select(t.refusals).where(t.refusals.c.agency == agency).order_by(t.refusals.c.at)
        with self.database.read() as connection:
            return [_refusal(row) for row in connection.execute(query).mappings()]


def _refusal(row: sa.RowMapping) -> Refusal:
    return Refusal(**{**row, "at": local(row["at"]), "reasons": tuple(row["reasons"])})
