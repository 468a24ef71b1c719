"""Data before papers, in the order of NQ 66.7/2025/NQ-CP: national database -> archive of the office -> the citizen.

The first place with a usable answer ends the search. What each place said, or why it said nothing, is kept; only when nothing
usable is found is the citizen asked, and then it is said for what and why.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from time import monotonic

from flows.lookup_national import NationalDatabase, national_of, source_of
from flows.people import looked, masked, require
from flows.review import Desk
from flows.search import find, kinds_without_limit
from schemas.errors import SetupError
from schemas.people import Actor, Right
from schemas.reuse import (
    ArchiveAnswer,
    Lookup,
    LookupOutcome,
    LookupPlace,
    LookupStep,
    NationalAnswer,
    Question,
)
from schemas.reuse_errors import NationalUnavailable
from schemas.zone import VIETNAM
from storage.catalogue.events import now
from storage.register.rows import local
from storage.reuse import Reuses
from storage.search import Query, reusable

MOST_RECORDS = 20


def lookup(
    desk: Desk, actor: Actor, question: Question, *, national: NationalDatabase | None = None
) -> Lookup:
    """Asks the places in order. `national`: None takes the one that the settings name.

    Raises NotAllowed; CatalogueUnavailable and the like when the archive itself cannot be asked: then nobody is sent home
    for a paper.
    """
    require(actor, Right.SEARCH)
    lookup_id = f"L-{secrets.token_hex(8).upper()}"
    asked = _Asked(desk, actor, question, lookup_id)
    answered, answer, records = LookupPlace.CITIZEN, None, ()
    answer = asked.national(national or national_of(desk.settings))
    if answer is not None:
        answered = LookupPlace.NATIONAL
    else:
        records = asked.archive()
        if any(record.usable for record in records):
            answered = LookupPlace.ARCHIVE
    ask = asked.citizen() if answered is LookupPlace.CITIZEN else ""
    result = Lookup(
        id=lookup_id,
        kind=question.kind,
        answered_by=answered,
        simulated=answer is not None and answer.simulated,
        steps=tuple(asked.steps),
        national=answer,
        archive=records,
        ask=ask,
    )
    Reuses(desk.catalogue).keep_lookup(
        question, result, actor=actor.id, unit=actor.unit or "", at=now(), who=actor.who
    )
    return result


class _Asked:
    """One search: what was asked so far."""

    def __init__(self, desk: Desk, actor: Actor, question: Question, lookup_id: str) -> None:
        self.desk, self.actor, self.question, self.id = desk, actor, question, lookup_id
        self.steps: list[LookupStep] = []
        self._began = monotonic()

    def _said(self, place: LookupPlace, outcome: LookupOutcome, detail: str, source: str = "", *, simulated=False) -> None:
        taken = round((monotonic() - self._began) * 1000)
        self._began = monotonic()
        self.steps.append(
            LookupStep(
                place=place, outcome=outcome, source=source, detail=detail, simulated=simulated, at=local(now()),
                milliseconds=taken,
            )
        )  # fmt: skip

    def national(self, database: NationalDatabase | None) -> NationalAnswer | None:
        place, source = LookupPlace.NATIONAL, source_of(self.question.kind)
        if not source:
            text = "Chưa có CSDL quốc gia nào được nêu cho loại giấy tờ này."
            self._said(place, LookupOutcome.NOT_CONNECTED, text)
            return None
        if database is None:
            self._said(place, LookupOutcome.NOT_CONNECTED, "Chưa có thoả thuận kết nối.", source)
            return None
        label = "MÔ PHỎNG: không phải dữ liệu thật. " if database.simulated else ""
        try:
            answer = database.ask(self.question, self.id)
        except (NationalUnavailable, SetupError) as error:
            text = f"{label}Không trả lời được: {error.vi}"
            self._said(place, LookupOutcome.UNAVAILABLE, text, source, simulated=database.simulated)
            return None
        simulated = database.simulated or answer.simulated
        outcome = LookupOutcome.FOUND if answer.found else LookupOutcome.NOT_FOUND
        text = f"{label}{'Có dữ liệu.' if answer.found else 'Không có dữ liệu.'}"
        self._said(place, outcome, text, answer.source, simulated=simulated)
        if not answer.found:
            return None
        looked(
            self.desk.catalogue, self.actor, self.id, self.question.purpose, detail={"fields": sorted(answer.data)}
        )
        return answer.model_copy(update={"simulated": simulated, "data": self._masked(answer.data)})

    def _masked(self, data: dict[str, str]) -> dict[str, str]:
        unit = self.actor.unit or ""
        return masked(data, self.question.kind, self.actor, self.desk.settings, unit=unit)

    def archive(self) -> tuple[ArchiveAnswer, ...]:
        """Records of this kind of this owner, those that may be used first."""
        query = Query(
            id_number=self.question.id_number, kind=(self.question.kind,), limit=MOST_RECORDS, total=False,
            highlights=False, fuzzy=False,
        )  # fmt: skip
        hits = find(self.desk.catalogue, query, self.actor).hits
        today, unlimited = datetime.now(VIETNAM).date(), kinds_without_limit()
        answers = []
        for hit in hits:
            may, reason = reusable(self.desk.catalogue.document(hit.id), today, unlimited)
            fields = masked(
                hit.fields, hit.type, self.actor, self.desk.settings, unit=hit.unit or "", made_by=hit.made_by or ""
            )
            answers.append(
                ArchiveAnswer(
                    document=hit.id, kind=hit.type, validity=str(hit.validity), usable=may, reason=reason, fields=fields
                )
            )
        if answers:
            looked(self.desk.catalogue, self.actor, [a.document for a in answers], self.question.purpose)
        usable = sum(a.usable for a in answers)
        place, source = LookupPlace.ARCHIVE, "Kho dữ liệu số hoá của cơ quan"
        if usable:
            self._said(place, LookupOutcome.FOUND, f"Có {usable} giấy tờ dùng lại được.", source)
        elif answers:
            reasons = "; ".join(dict.fromkeys(a.reason for a in answers))
            text = f"Có {len(answers)} giấy tờ nhưng không dùng lại được: {reasons}"
            self._said(place, LookupOutcome.UNUSABLE, text[:2000], source)
        else:
            self._said(place, LookupOutcome.NOT_FOUND, "Không có giấy tờ loại này của người này.", source)
        return tuple(sorted(answers, key=lambda a: not a.usable))

    def citizen(self) -> str:
        """What to ask for, and what was tried before."""
        name = self.desk.kind_name(self.question.kind)
        tried = " ".join(f"{s.source or 'CSDL quốc gia'}: {s.detail}" for s in self.steps)
        text = f"Đề nghị công dân cung cấp {name}. Lý do: đã tra theo thứ tự của Nghị quyết 66.7/2025/NQ-CP mà chưa có dữ liệu dùng được. {tried}"
        if any(s.outcome is LookupOutcome.UNAVAILABLE for s in self.steps):
            text += " Cơ sở dữ liệu quốc gia đang gián đoạn: nếu chưa đến hạn, tra lại trước khi yêu cầu công dân nộp giấy tờ."
        self._said(LookupPlace.CITIZEN, LookupOutcome.ASK, f"Yêu cầu {name}.")
        return text
