"""Thin Prefect wrappers around whole batches: Prefect starts and shows work, the catalogue remembers it (DESIGN 9).

One task a batch, not one a page: a task costs 25-90 ms, a page 350 ms of wall time on two cores. Retries are safe,
because a batch goes on where it stopped. Nothing about a person leaves through Prefect: artifacts carry counts, record
ids and kinds of paper, and results are not persisted.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from threading import Event, Timer

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.deploy import WHO
from flows.digitise import digitise
from flows.inbox import watch_folder
from schemas.errors import SohoaError
from schemas.results import DigitiseResult
from schemas.settings import load_settings

begun_here: Future[DigitiseResult] | None = None
"""A batch that this process began while Prefect was starting (`flows.deploy`); the first try of the task joins it."""


def worth_trying_again(_task, _run, state) -> bool:
    """Only where waiting may help: the disk, the network, the catalogue."""
    try:
        state.result()
    except SohoaError as error:
        return error.retry
    except Exception:
        return False
    return False


@task(
    name="digitise-batch",
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_condition_fn=worth_trying_again,
    persist_result=False,
    cache_policy=None,
)
def digitise_batch(
    paths: list[str], home: str, name: str | None, dossier_code: str | None, declared_pages: int | None
) -> DigitiseResult:
    global begun_here
    begun, begun_here = begun_here, None
    if begun is not None:
        return begun.result()
    return digitise(
        [Path(path) for path in paths],
        load_settings(Path(home)),
        name=name,
        dossier_code=dossier_code,
        declared_pages=declared_pages,
        who=WHO,
    )


@flow(name="digitise", persist_result=False)
def digitise_flow(
    paths: list[str],
    home: str = "sohoa-data",
    name: str | None = None,
    dossier_code: str | None = None,
    declared_pages: int | None = None,
) -> dict:
    """Số hoá một lô: digitise files and folders as one batch."""
    result = digitise_batch(paths, home, name, dossier_code, declared_pages)
    publish(result)
    return result.model_dump(mode="json", by_alias=True)


@flow(name="watch", persist_result=False)
def watch_flow(inbox: str, home: str = "sohoa-data", minutes: float | None = None) -> int:
    """Theo dõi thư mục: one batch for each file or folder that settles in `inbox`, for so many minutes or until
    cancelled."""
    stop = Event()
    if minutes is not None:
        timer = Timer(minutes * 60, stop.set)
        timer.daemon = True
        timer.start()
    return watch_folder(Path(inbox), load_settings(Path(home)), stop, on_batch=lambda _, result: publish(result))


def publish(result: DigitiseResult) -> None:
    """The summary of a batch as artifacts of the current run, under keys that stay the same from run to run."""
    create_markdown_artifact(key="sohoa-batch", markdown=summary(result), description=f"Lô {result.batch}")
    rows = [
        {"id": d.id, "type": d.type, "status": str(d.status), "pages": len(d.pages), "reasons": ", ".join(d.reasons)}
        for d in result.documents
    ]
    if rows:
        create_table_artifact(key="sohoa-documents", table=rows, description=f"Lô {result.batch}: hồ sơ")


def summary(result: DigitiseResult) -> str:
    """What a clerk wants to know, as Markdown."""
    pages, review = result.pages, sum(d.status == "review" for d in result.documents)
    lines = [
        f"# Lô {result.batch}: {'xong' if result.finished else 'chưa khép'}",
        "",
        "| | |",
        "|---|---|",
        f"| Trang vào | {pages.in_} |",
        f"| Trang trong hồ sơ | {pages.in_documents} |",
        f"| Trang trắng | {pages.blank} |",
        f"| Tờ ngăn cách | {pages.separator} |",
        f"| Trang cách ly | {pages.quarantined} |",
        f"| Hồ sơ | {len(result.documents)} |",
        f"| Hồ sơ chờ người kiểm tra | {review} |",
        f"| Mục cách ly | {len(result.quarantine)} |",
    ]
    if pages.declared is not None:
        lines.append(f"| Trang đã khai | {pages.declared} |")
    reasons = [f"- `{q.code}` {q.reason}" for q in result.quarantine]
    return "\n".join([*lines, "", *reasons, *(f"- {message}" for message in result.messages)])
