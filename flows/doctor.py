"""Is everything there that a day's work needs? Each thing is tried, not believed.

`examine` gives one `Finding` a check. A check that cannot even be made is a failed one: the doctor itself never
falls over.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import secrets
import shutil
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from schemas.errors import MissingProgram, SohoaError
from schemas.settings import Settings
from schemas.zone import VIETNAM

FREE_BYTES_LEAST = 500_000_000
FREE_BYTES_WANTED = 5_000_000_000
"""A page keeps about 1 MB; a day of one scanner is some thousand pages."""
MEMORY_A_PROCESS = 350_000_000
"""Bytes; what a page process may take at most (issue 2, measured in docs/benchmarks.md)."""
SAMPLE = "Cộng hòa xã hội chủ nghĩa Việt Nam"


class Result(StrEnum):
    OK = "ok"
    WARNING = "warning"  # works, but somebody should look at it
    FAILED = "failed"  # the main job does not work


@dataclass(frozen=True)
class Finding:
    """One check. `title` and `advice` are for people, in Vietnamese; `command` is what to type, as it is."""

    code: str
    result: Result
    title: str
    found: str = ""
    advice: str = ""
    command: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Makes all checks, one after the other, so that a caller can show each as it comes.

    Writes and removes a few small files in the home folder and its store; makes neither, when they are not there
    yet.
    """
    for title, check in _CHECKS.items():
        code = check.__name__.strip("_")
        try:
            yield check(settings, code, title)
        except MissingProgram as error:
            # The detail ends in what to install (`ocr.engines.tessdata`, `flows.picture`).
            package = error.detail.rpartition("; install ")[2] if "; install " in error.detail else ""
            command = f"sudo apt-get install -y {package}" if package else "make setup"
            yield Finding(code, Result.FAILED, title, error.message_vi, "Cài thêm phần còn thiếu.", command)
        except SohoaError as error:
            yield Finding(code, Result.FAILED, title, f"{error.message_vi} ({error.code})", error.advice_vi)
        except (
            Exception
        ) as error:  # a broken installation breaks in any way it likes; the other checks still count
            yield Finding(
                code, Result.FAILED, title, type(error).__name__, "Cài đặt lại phần mềm.", "make setup"
            )


# --- the machine ------------------------------------------------------------
def _python(settings: Settings, code: str, title: str) -> Finding:
    found = f"{platform.python_version()} ({sys.platform}, {platform.machine()})"
    return Finding(code, Result.OK, title, found)


def _machine(settings: Settings, code: str, title: str) -> Finding:
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory()
    processes = settings.work.processes or cores
    found = (
        f"{cores} nhân, bộ nhớ {_gigabytes(memory.total)}, còn trống {_gigabytes(memory.available)}; "
        f"{processes} tiến trình đọc trang"
    )
    if memory.available < processes * MEMORY_A_PROCESS:
        advice = "Bộ nhớ trống ít: đóng bớt chương trình, hoặc giảm số tiến trình trong sohoa.toml ([work] processes)."
        return Finding(code, Result.WARNING, title, found, advice)
    return Finding(code, Result.OK, title, found)


def _clock(settings: Settings, code: str, title: str) -> Finding:
    from datetime import datetime

    now = datetime.now(VIETNAM)
    found = f"{now:%d/%m/%Y %H:%M:%S} +07:00"
    if now.year < 2025:
        return Finding(
            code,
            Result.FAILED,
            title,
            found,
            "Đồng hồ máy sai; chỉnh lại ngày giờ.",
            "sudo timedatectl set-ntp true",
        )
    return Finding(code, Result.OK, title, found)


# --- reading ------------------------------------------------------------
def _tesseract(settings: Settings, code: str, title: str) -> Finding:
    from ocr.engines import open_engine

    engine = open_engine(settings.reading)
    engine.close()
    if importlib.util.find_spec("tesserocr") is None:
        advice = "Không có bản chạy trong tiến trình; đang gọi chương trình tesseract, chậm hơn."
        return Finding(code, Result.WARNING, title, engine.name, advice, "make setup")
    return Finding(code, Result.OK, title, engine.name)


def _language_data(settings: Settings, code: str, title: str) -> Finding:
    from ocr.engines.tessdata import find_tessdata

    folder = find_tessdata(settings.reading.tessdata, settings.reading.language)
    missing = [
        name for name in (settings.reading.language, "osd") if not (folder / f"{name}.traineddata").is_file()
    ]
    if missing:
        packages = " ".join(f"tesseract-ocr-{name}" for name in missing)
        return Finding(
            code, Result.WARNING, title, f"{folder}: thiếu {', '.join(missing)}",
            "Cài thêm dữ liệu ngôn ngữ.", f"sudo apt-get install -y {packages}",
        )  # fmt: skip
    return Finding(code, Result.OK, title, f"{folder}: {settings.reading.language}, osd")


def _fonts(settings: Settings, code: str, title: str) -> Finding:
    from flows.picture import vietnamese_font

    return Finding(code, Result.OK, title, str(vietnamese_font()))


def _reads(settings: Settings, code: str, title: str) -> Finding:
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from flows.picture import vietnamese_font
    from ocr.engines import open_engine

    picture = Image.new("L", (1100, 120), 255)
    font = ImageFont.truetype(vietnamese_font(), 42)
    ImageDraw.Draw(picture).text((40, 30), SAMPLE, font=font, fill=0)
    engine = open_engine(settings.reading)
    started = time.perf_counter()
    try:
        read = " ".join(
            word.text for word in engine.read(np.asarray(picture), settings.reading.dpi, layout="line")
        )
    finally:
        engine.close()
    found = f"„{read}“, {1000 * (time.perf_counter() - started):.0f} ms"
    if read != SAMPLE:
        advice = "Đọc sai một dòng chữ in rõ: dữ liệu tiếng Việt của Tesseract bị hỏng hoặc không đúng bản; cài lại."
        return Finding(
            code, Result.FAILED, title, found, advice, "sudo apt-get install --reinstall -y tesseract-ocr-vie"
        )
    return Finding(code, Result.OK, title, found)


def _models(settings: Settings, code: str, title: str) -> Finding:
    import onnxruntime

    import ocr

    onnxruntime.set_default_logger_severity(3)
    models = sorted(Path(ocr.__file__).parent.rglob("*.onnx"))
    if not models:
        advice = "Thiếu mô hình đọc chữ viết tay; cài đặt lại phần mềm."
        return Finding(code, Result.FAILED, title, "không có", advice, "make setup")
    for model in models:
        onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return Finding(code, Result.OK, title, ", ".join(model.name for model in models))


def _forms(settings: Settings, code: str, title: str) -> Finding:
    from ocr.forms import load_forms

    return Finding(code, Result.OK, title, f"{len(load_forms().codes())} loại")


# --- keeping ------------------------------------------------------------
def _home(settings: Settings, code: str, title: str) -> Finding:
    home = settings.home.absolute()
    if not home.is_dir():
        advice = "Chưa tạo thư mục dữ liệu."
        return Finding(code, Result.WARNING, title, f"chưa có {home}", advice, f'sohoa init --home "{home}"')
    trial = home / f".thu-ghi-{secrets.token_hex(4)}"
    try:
        trial.write_bytes(b"sohoa")
        trial.unlink()
    except OSError as error:
        advice = "Không ghi được vào thư mục dữ liệu; sửa quyền cho người dùng đang chạy."
        return Finding(
            code, Result.FAILED, title, f"{home}: {error.strerror}", advice, f'sudo chown -R "$USER" "{home}"'
        )
    mode = stat.S_IMODE(home.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        advice = "Người dùng khác trên máy này đọc được dữ liệu cá nhân; thu hẹp quyền."
        return Finding(code, Result.WARNING, title, f"{home}, quyền {mode:o}", advice, f'chmod 700 "{home}"')
    return Finding(code, Result.OK, title, f"{home}, quyền {mode:o}")


def _disk(settings: Settings, code: str, title: str) -> Finding:
    place = settings.home.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"còn trống {_gigabytes(free)}"
    if free < FREE_BYTES_LEAST:
        return Finding(
            code, Result.FAILED, title, found, "Ổ đĩa sắp đầy; giải phóng dung lượng trước khi số hoá tiếp."
        )
    if free < FREE_BYTES_WANTED:
        return Finding(code, Result.WARNING, title, found, "Dung lượng còn ít; nên giải phóng thêm.")
    return Finding(code, Result.OK, title, found)


def _catalogue(settings: Settings, code: str, title: str) -> Finding:
    from storage.catalogue import Catalogue

    if not settings.catalogue_url and not (settings.home / "catalogue.sqlite").exists():
        return Finding(
            code,
            Result.WARNING,
            title,
            "chưa có",
            "Chưa tạo danh mục.",
            f'sohoa init --home "{settings.home}"',
        )
    with Catalogue.open(settings.database, create=False) as catalogue:
        kind = "SQLite" if catalogue.is_sqlite else "PostgreSQL"
        return Finding(code, Result.OK, title, f"{kind}, lược đồ {catalogue.schema_version()}")


def _store(settings: Settings, code: str, title: str) -> Finding:
    from datetime import UTC, datetime

    from schemas.store import PROMISES, Enforcement
    from storage.objects import open_archive
    from storage.objects.proof import remember

    if not settings.store_url and not (settings.home / "store").is_dir():
        return Finding(
            code, Result.WARNING, title, "chưa có", "Chưa tạo kho.", f'sohoa init --home "{settings.home}"'
        )
    store = open_archive(settings)
    try:
        seen = store.probe()
    finally:
        store.close()
    lacks = "; ".join(PROMISES[name] for name in seen.lacks)
    if not seen.fit_for_archive:
        advice = (
            "Kho này KHÔNG dùng làm kho lưu trữ được: bật quản lý phiên bản và khoá đối tượng (Object Lock) cho bucket, "
            "hoặc đổi kho. Phần mềm không ghi gì vào kho này."
        )
        return Finding(code, Result.FAILED, title, f"{seen.kind}: không làm được: {lacks}", advice)
    remember(store.url, seen, settings.home, datetime.now(UTC))
    found = f"{seen.kind}: đã thử {len(seen.proved)} điều"
    if seen.retention is Enforcement.SERVER:
        found += ", máy chủ giữ khoá (đã thử xoá, rút ngắn, vượt khoá đều bị từ chối)"
        if not lacks:
            return Finding(code, Result.OK, title, found)
        return Finding(code, Result.WARNING, title, f"{found}; không làm được: {lacks}", "Hỏi nơi cấp kho.")
    # Not a fault of the installation: a plain folder cannot do more, and that has to be known.
    found += "; thời hạn lưu giữ do phần mềm giữ, người có quyền trên ổ đĩa vẫn xoá được (chưa phải kho WORM)"
    return Finding(code, Result.OK, title, found)


def _replicas(settings: Settings, code: str, title: str) -> Finding:
    from storage.objects import open_archive

    wanted = settings.replicas.places
    if not wanted:
        advice = (
            f"Cần ít nhất {settings.replicas.backup_sets} bộ sao lưu trên phương tiện độc lập, một bộ ngoại tuyến (TT 05/2025/"
            "TT-BNV, CV 7197/BKHCN-CĐSQG): khai ở mục [replicas] của sohoa.toml."
        )
        return Finding(code, Result.WARNING, title, "chưa khai kho bản sao nào", advice, "sohoa archive copy")
    archive = open_archive(settings)
    try:
        there = archive.places()
    finally:
        archive.close()
    found = ", ".join(f"{place.label} ({'có' if place.label in there else 'không thấy'})" for place in wanted)
    away = [place.label for place in wanted if place.label not in there and not place.offline]
    if away:
        return Finding(
            code, Result.WARNING, title, found, f"Không tới được: {', '.join(away)}; cắm ổ đĩa hoặc xem máy chủ.",
            "sohoa archive copy",
        )  # fmt: skip
    return Finding(code, Result.OK, title, found)


def _keeping(settings: Settings, code: str, title: str) -> Finding:
    """Damage that is not healed, and restores that were not tried in time. What was never backed up yet is only said."""
    from datetime import UTC, datetime

    from storage.catalogue import Catalogue
    from storage.keeping.places import Places
    from storage.keeping.runs import Runs

    if not settings.catalogue_url and not (settings.home / "catalogue.sqlite").exists():
        return Finding(code, Result.OK, title, "chưa có")
    with Catalogue.open(settings.database, create=False) as catalogue:
        damaged = Places(catalogue).findings(open_only=True)
        runs = Runs(catalogue)
        made, tried = runs.last_backup("backup"), runs.last_backup("restore")
    found = f"sao lưu lần cuối {made.at:%d/%m/%Y}" if made else "chưa sao lưu lần nào"
    if damaged:
        advice = "Có tệp hỏng hoặc mất chưa phục hồi được; phục hồi từ bản sao lưu."
        return Finding(code, Result.WARNING, title, f"{found}; {len(damaged)} tệp hỏng", advice, "sohoa preserve fixity")
    since = tried.at if tried else made.at if made else None
    if since and (datetime.now(UTC) - since).days > settings.preserve.backup_test_days:
        advice = f"Quá {settings.preserve.backup_test_days} ngày chưa phục hồi thử; phục hồi vào một thư mục mới."
        return Finding(code, Result.WARNING, title, found, advice, "sohoa restore THƯ_MỤC --home THƯ_MỤC_MỚI")
    return Finding(code, Result.OK, title, found)


def _office(settings: Settings, code: str, title: str) -> Finding:
    if not settings.office.code:
        advice = "Khai mã định danh cơ quan trong sohoa.toml ([office] code); chưa có thì không cấp DocCode."
        return Finding(code, Result.WARNING, title, "chưa khai mã định danh", advice)
    return Finding(code, Result.OK, title, f"{settings.office.code} {settings.office.name}")


# --- people ------------------------------------------------------------
def _people(settings: Settings, code: str, title: str) -> Finding:
    from flows.people import open_people, os_login
    from schemas.people import Role

    if not settings.catalogue_url and not (settings.home / "catalogue.sqlite").exists():
        return Finding(code, Result.OK, title, "chưa có")
    with open_people(settings) as people:
        users = people.users.list()
        mapped = people.users.secret_of(os_login())
    if not users:
        found = (
            "chưa khai người dùng: ai ngồi ở máy này cũng có mọi quyền, nhật ký ghi theo tên đăng nhập máy"
        )
        return Finding(code, Result.OK, title, found)
    administrators = sum(any(r.role is Role.ADMINISTRATOR for r in u.roles) for u in users)
    found = f"{len(users)} người dùng, {administrators} người quản trị; máy này: {os_login()}"
    if mapped is None:
        advice = "Tên đăng nhập máy này chưa gắn với người dùng nào; các lệnh sẽ bị từ chối."
        return Finding(
            code, Result.WARNING, title, found, advice, f"sohoa user add HỌ_TÊN --login {os_login()}"
        )
    return Finding(code, Result.OK, title, found)


def _audit(settings: Settings, code: str, title: str) -> Finding:
    from flows.audit import standing

    if not settings.catalogue_url and not (settings.home / "catalogue.sqlite").exists():
        return Finding(code, Result.OK, title, "chưa có")
    problem, unsealed = standing(settings)
    if problem is not None:
        found = f"{problem.kind}, dòng {problem.seq}–{problem.seq_to}"
        advice = "Nhật ký kiểm toán đã bị động vào; giữ nguyên máy và báo người phụ trách an toàn thông tin."
        return Finding(code, Result.FAILED, title, found, advice, "sohoa audit check")
    if unsealed:
        found = f"nối liền từ lần niêm phong cuối; {len(unsealed)} ngày chưa niêm phong, từ {unsealed[0]:%d/%m/%Y}"
        return Finding(
            code,
            Result.WARNING,
            title,
            found,
            "Niêm phong nhật ký, và đặt lịch mỗi ngày.",
            "sohoa audit seal",
        )
    return Finding(code, Result.OK, title, "nối liền từ lần niêm phong cuối, không ngày nào chưa niêm phong")


# --- around it ------------------------------------------------------------
def _prefect(settings: Settings, code: str, title: str) -> Finding:
    from flows.deploy import prepare, server_available

    prepare(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of a home folder that `sohoa init` has not made yet
        from prefect.settings import get_current_settings

    found = f"Prefect {importlib.metadata.version('prefect')}"
    if get_current_settings().server.analytics_enabled:
        advice = "Prefect đang gửi thống kê sử dụng ra ngoài; tắt đi."
        command = "export PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1"
        return Finding(code, Result.WARNING, title, found, advice, command)
    answers = server_available()
    if answers is False:
        advice = "Máy chủ ghi trong PREFECT_API_URL không trả lời. Lệnh sohoa digitise vẫn chạy được, không cần máy chủ."
        return Finding(code, Result.WARNING, title, found, advice)
    server = "không dùng máy chủ" if answers is None else "máy chủ trả lời"
    return Finding(code, Result.OK, title, f"{found}, {server}, không gửi thống kê")


def _poppler(settings: Settings, code: str, title: str) -> Finding:
    program = shutil.which("pdftotext")
    return Finding(code, Result.OK, title, program or "không có; không bắt buộc (chỉ để kiểm tra chéo)")


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f}".replace(".", ",") + " GB"


_CHECKS: dict[str, Callable[[Settings, str, str], Finding]] = {
    "Python": _python,
    "Máy": _machine,
    "Đồng hồ": _clock,
    "Bộ nhận dạng chữ": _tesseract,
    "Dữ liệu tiếng Việt": _language_data,
    "Phông chữ tiếng Việt": _fonts,
    "Đọc thử": _reads,
    "Mô hình chữ viết tay": _models,
    "Mẫu giấy tờ": _forms,
    "Thư mục dữ liệu": _home,
    "Dung lượng đĩa": _disk,
    "Danh mục": _catalogue,
    "Kho lưu trữ": _store,
    "Kho bản sao": _replicas,
    "Bảo quản": _keeping,
    "Cơ quan": _office,
    "Người dùng": _people,
    "Nhật ký kiểm toán": _audit,
    "Điều phối": _prefect,
    "Poppler": _poppler,
}
