"""Keeping by the clock, as Prefect flows: classes and locks, then hashing what is due (nightly); a seal over the audit chain
(nightly); catalogue against store (monthly)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows import audit
from flows.fixity import check_fixity, open_keeping
from flows.retention import sweep
from flows.sanity import check_sanity
from schemas.people import Actor
from schemas.people_errors import AuditBroken
from schemas.settings import load_settings


@flow(name="fixity", persist_result=False)
def fixity_flow(home: str = "sohoa-data", seconds: float | None = None) -> dict:
    """Kiểm tra toàn vẹn hằng đêm: for at most so many seconds; what is left is due the next night. Counts only."""
    settings = load_settings(Path(home))
    with open_keeping(settings) as archive:
        swept = sweep(archive, settings.preserve, who="prefect")
        report = check_fixity(archive, settings.preserve, who="prefect", seconds=seconds)
    told = {
        "Đã kiểm tra": report.objects,
        "Hỏng": report.damaged,
        "Mất": report.missing,
        "Đã phục hồi": report.healed,
        "Chưa phục hồi": len(report.still_open),
        "Quá hạn kiểm tra": report.overdue,
        "Mới gán thời hạn": swept.new_terms,
        "Khoá hoặc gia hạn khoá": swept.locked,
    }
    rows = [{"Số liệu": name, "Giá trị": value} for name, value in told.items()]
    create_table_artifact(rows, key="sohoa-fixity", description=f"Kiểm tra toàn vẹn {report.run}")
    return report.model_dump(mode="json", exclude={"findings", "still_open"})


@flow(name="seal", persist_result=False)
def seal_flow(home: str = "sohoa-data") -> str | None:
    """Niêm phong nhật ký hằng ngày: the key of the seal; None when nothing happened since the last. Fails, loudly, with AuditBroken
    when the chain was touched since then, and with TimestampUnavailable when the authority does not answer."""
    settings = load_settings(Path(home))
    made = audit.seal(settings, Actor.system())
    problem, unsealed = audit.standing(settings)
    if problem is not None:  # also where nothing new was there to be sealed
        raise AuditBroken(f"{problem.kind} {problem.seq}")
    told = {"Niêm phong tới dòng": made.seq if made else "không có gì mới", "Ngày chưa niêm phong": len(unsealed)}
    rows = [{"Số liệu": name, "Giá trị": value} for name, value in told.items()]
    create_table_artifact(rows, key="sohoa-seal", description="Niêm phong nhật ký kiểm toán")
    return made.key if made else None


@flow(name="sanity", persist_result=False)
def sanity_flow(home: str = "sohoa-data", hashed: bool = False) -> dict:
    """Đối chiếu danh mục với kho: findings counted by code. `hashed`: all bytes are read too, which fixity does anyway."""
    with open_keeping(load_settings(Path(home))) as archive:
        report = check_sanity(archive, hashed=hashed)
    found = dict(Counter(finding.code for finding in report.findings))
    told = {"Hồ sơ": report.records, "Tham chiếu": report.references, "Tệp trong kho": report.objects, **found}
    rows = [{"Số liệu": name, "Giá trị": value} for name, value in told.items()]
    create_table_artifact(rows, key="sohoa-sanity", description="Danh mục và kho; chi tiết: sohoa preserve sanity")
    return found
