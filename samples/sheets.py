"""Sheets that carry no document: separators (Code128, QR, patch, large text) and blank pages."""

from __future__ import annotations

import random

import cv2
import numpy as np
import segno
import zxingcpp
from PIL import Image

from samples import fonts
from samples.page import DPI, HEIGHT, WIDTH, Sheet

SEPARATORS = ("barcode", "qr", "patch", "text")


def dossier_code(rng: random.Random) -> str:
    """An office's own dossier number, like HS-2024-012345."""
    return f"HS-{rng.randint(2019, 2026)}-{rng.randint(1, 999999):06d}"


def _centre(sheet: Sheet, text: str, y: float, points: float, bold: bool = True) -> None:
    font = fonts.face(fonts.available(fonts.SANS, 2)[0], round(points * DPI / 72), bold)
    sheet.draw.text((WIDTH / 2, y), text, font=font, fill=(10, 10, 12), anchor="ms")
    sheet.note(y, WIDTH / 2, text)


def _code128(content: str, wide: int, high: int) -> Image.Image:
    code = zxingcpp.create_barcode(content, zxingcpp.BarcodeFormat.Code128)
    row = np.array(code.to_image(scale=1, add_quiet_zones=False))
    row = row[row.shape[0] // 2]
    module = max(2, wide // len(row))
    return Image.fromarray(np.tile(np.repeat(row, module), (high, 1)).astype(np.uint8))


def qr(content: str, side: int) -> Image.Image:
    """A QR code about ``side`` pixels wide, without a quiet zone."""
    matrix = np.array(
        [
            [0 if cell else 255 for cell in row]
            for row in segno.make(content, error="m").matrix_iter(border=0)
        ],
        np.uint8,
    )
    module = max(2, side // len(matrix))
    return Image.fromarray(np.kron(matrix, np.ones((module, module), np.uint8)))


def _patch_t(sheet: Sheet) -> None:
    """Kodak Patch T across the leading edge: narrow, wide, narrow, wide bars (0.08 and 0.20 inch), 0.08 inch apart."""
    y = round(0.5 * DPI)
    for bar in (0.08, 0.20, 0.08, 0.20):
        for start in (0.08, 0.31, 0.54, 0.77):
            sheet.draw.rectangle(
                (WIDTH * start, y, WIDTH * (start + 0.17), y + bar * DPI - 1), fill=(0, 0, 0)
            )
        y += round((bar + 0.08) * DPI)


def separator(kind: str, code: str, rng: random.Random) -> Sheet:
    """A separator sheet of one of ``SEPARATORS``; a patch sheet does not carry the code. Raises ValueError."""
    sheet = Sheet()
    words = rng.choice(["TỜ PHÂN CÁCH HỒ SƠ", "PHIẾU TÁCH HỒ SƠ", "TRANG PHÂN CÁCH"])
    if kind == "barcode":
        _centre(sheet, words, 620, 26)
        picture = _code128(code, 1500, 420)
        sheet.image.paste(picture.convert("RGB"), ((WIDTH - picture.width) // 2, 900))
        _centre(sheet, code, 1460, 22, bold=False)
    elif kind == "qr":
        _centre(sheet, words, 620, 26)
        picture = qr(code, 800)
        sheet.image.paste(picture.convert("RGB"), ((WIDTH - picture.width) // 2, 860))
        _centre(sheet, code, 1860, 22, bold=False)
    elif kind == "patch":
        _patch_t(sheet)
        _centre(sheet, "PATCH T", 1200, 48)
        _centre(sheet, words, 1400, 20, bold=False)
    elif kind == "text":
        _centre(sheet, words, 1200, 30)
        _centre(sheet, f"Mã hồ sơ: {code}", 1500, 40)
    else:
        raise ValueError(f"unknown separator {kind!r}; known: {SEPARATORS}")
    return sheet


def blank(rng: random.Random, front: Sheet | None = None) -> Sheet:
    """An empty page; with ``front`` the back of that sheet: its print and seals shine through faintly, mirrored."""
    sheet = Sheet()
    if front is not None:
        mirrored = np.asarray(front.image)[:, ::-1]
        soft = cv2.GaussianBlur(mirrored, (0, 0), 5)
        strength = rng.uniform(0.02, 0.07)
        sheet.image.paste(
            Image.fromarray((255 - (255 - soft.astype(np.float32)) * strength).astype(np.uint8))
        )
    elif rng.random() < 0.5:
        for _ in range(rng.randint(1, 5)):
            x, y = rng.randint(100, WIDTH - 100), rng.randint(100, HEIGHT - 100)
            sheet.draw.ellipse((x, y, x + rng.randint(3, 9), y + rng.randint(3, 9)), fill=(120, 120, 118))
    return sheet
