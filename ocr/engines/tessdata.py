"""Where Tesseract's language data lies."""

from __future__ import annotations

import os
from pathlib import Path

from schemas.errors import MissingProgram

FOLDERS = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)


def find_tessdata(wanted: str | None, language: str) -> Path:
    """Folder that holds `<language>.traineddata`: the one wanted, TESSDATA_PREFIX, or a usual place.

    Raises MissingProgram naming the Debian package.
    """
    candidates = [wanted] if wanted else [os.environ.get("TESSDATA_PREFIX"), *FOLDERS]
    for folder in candidates:
        if folder and (Path(folder) / f"{language}.traineddata").is_file():
            return Path(folder)
    raise MissingProgram(f"{language}.traineddata not found; install tesseract-ocr-{language}")
