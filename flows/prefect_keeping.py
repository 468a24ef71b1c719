"""The nightly round of keeping as a Prefect flow: classes and locks, then hashing what is due."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.fixity import check_fixity, open_keeping
from flows.retention import sweep
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
