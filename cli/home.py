"""Makes a home folder: settings with their sources beside them, catalogue, store. Nothing that is there is
overwritten."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from schemas.errors import SetupError
from schemas.settings import Settings, load_settings

SETTINGS_FILE = "sohoa.toml"
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"'})


def make_home(home: Path) -> tuple[Settings, list[Path]]:
    """Makes what is missing; the settings, and the paths that were made. Raises SetupError, BadSettings."""
    made = []
    try:
        if not home.is_dir():
            home.mkdir(parents=True, mode=0o700)
            made.append(home)
        path = home / SETTINGS_FILE
        try:
            with path.open("x", encoding="utf-8") as file:
                os.chmod(path, 0o600)
                file.write(settings_text())
            made.append(path)
        except FileExistsError:
            pass  # the office's own settings
    except OSError as error:
        raise SetupError(f"{home}: {error.strerror}") from error
    settings = load_settings(home)
    from storage.catalogue import Catalogue
    from storage.objects import open_archive

    catalogue, store = home / "catalogue.sqlite", home / "store"
    known = catalogue.exists(), store.exists()
    Catalogue.open(settings.database).close()
    open_archive(settings).close()
    made += [path for path, was in zip((catalogue, store), known, strict=True) if path.exists() and not was]
    return settings, made


def settings_text() -> str:
    """The settings file as made at first: every setting with its default, commented out, and where the law leaves a
    value open, the source and how sure it is."""
    lines = [
        "# Cấu hình sohoa. Bỏ dấu # ở đầu dòng để thay giá trị mặc định. / Remove # to change a default.",
        "# Biến môi trường thắng tệp này, ví dụ / the environment wins, for example: SOHOA_WORK__PROCESSES=1",
        "",
        "# Cơ sở dữ liệu danh mục; để trống: SQLite trong thư mục này. / Empty: SQLite in this folder.",
        '# catalogue_url = "postgresql+psycopg://sohoa@localhost/sohoa"',
        "# Kho lưu trữ; để trống: thư mục store ở đây. / Empty: the folder `store` here.",
        '# store_url = ""',
    ]
    for section, field in Settings.model_fields.items():
        # Not of `Settings()`: that reads the environment, and what is set there today would stand here as a default.
        values = field.get_default(call_default_factory=True)
        if not isinstance(values, BaseModel):
            continue
        lines += ["", f"[{section}]"]
        for name, setting in type(values).model_fields.items():
            note = _NOTES.get(section, {}).get(name) or setting.description or ""
            lines += [f"# {line}" for line in note.split("\n") if line]
            lines.append(f"# {name} = {_toml(getattr(values, name))}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(str(key))} = {_toml(item)}' for key, item in value.items())} }}"
    if isinstance(value, str):
        return f'"{value.translate(_QUOTED)}"'
    return f"{value:_}" if isinstance(value, int) else str(value)


_NOTES: dict[str, dict[str, str]] = {
    "office": {
        "code": "Mã định danh điện tử của cơ quan (QĐ 20/2020/QĐ-TTg), ví dụ H26.12; chưa khai thì chưa cấp DocCode.",
        "name": "Tên cơ quan, ghi vào tệp lưu trữ.",
    },
    "codes": {
        "result": "Mã kết quả: NĐ 45/2020/NĐ-CP Đ14 k3 ghi „Mã hồ sơ thủ tục hành chính-KQ(n)“; điều luật không\n"
        "nói rõ có in dấu ngoặc hay không. Hỏi cán bộ pháp chế trước khi đổi.",
        "digitised": "Mã kết quả số hoá: TT 01/2023/TT-VPCP Đ10; công thức thiếu trong mọi bản tìm được\n"
        "[chưa đối chiếu]. Hỏi cán bộ pháp chế.",
        "doc_code": "CV 7197/BKHCN-CĐSQG: MCQ_LV_STT_PB, dài nhất 30 ký tự.",
        "file_name": "CV 7197/BKHCN-CĐSQG: CODE_YYYYMMDD_DESC.EXT.",
    },
    "reading": {
        "engine": "Bộ nhận dạng: tesserocr (trong tiến trình, nhanh hơn) hoặc pytesseract (gọi chương trình).",
        "language": "Ngôn ngữ; thêm eng không giúp gì (đã đo).",
        "tessdata": "Thư mục dữ liệu Tesseract; để trống: tự tìm.",
        "dpi": "Độ phân giải của ảnh dùng để đọc; ảnh lưu giữ không bao giờ bị thay đổi.",
        "min_dpi": "Mức thấp nhất của ảnh quét: NĐ 30/2020/NĐ-CP Phụ lục I; CV 7197/BKHCN-CĐSQG (200 dpi).",
        "wanted_dpi": "Mức nên quét: CV 7197/BKHCN-CĐSQG (300 dpi).",
        "accept_confidence": "Dưới mức này trường phải qua người kiểm tra; cách hiệu chỉnh: docs/calibration.md.",
    },
    "limits": {
        "file_bytes": "Giới hạn an toàn với tệp lạ. Dung lượng tệp, byte.",
        "pages": "Số trang mỗi tệp.",
        "page_pixels": "Số điểm ảnh mỗi trang.",
        "decompressed_bytes": "Dữ liệu sau khi giải nén, byte.",
        "page_seconds": "Thời gian đọc mỗi trang, giây.",
        "batch_files": "Số tệp mỗi lô.",
    },
    "work": {
        "processes": "Số tiến trình đọc trang; 0: mỗi nhân một tiến trình.",
        "pages_a_process": "Sau từng này trang thì thay tiến trình mới, để bộ nhớ không tăng.",
        "settle_seconds": "Thư mục theo dõi: tệp không đổi trong từng này giây thì được nhận.",
    },
}
