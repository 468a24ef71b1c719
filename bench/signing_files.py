"""What signing is measured on: scans of a given weight as searchable PDF/A, and a timestamp authority on loopback.

python -m bench.signing_files FOLDER        the authority of the demo PKI in FOLDER; prints its port, ends with its input
"""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from samples.fonts import face
from schemas.page import PageQuality, PageReading, Word
from schemas.record import RecordMetadata

DPI = 200
WIDTH, HEIGHT = 1654, 2339
LINES = (
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Độc lập - Tự do - Hạnh phúc",
    "GIẤY XÁC NHẬN",
    "Họ và tên: Phạm Thị Đo Lường, sinh ngày 05 tháng 3 năm 1987",
    "Nơi cư trú: thôn Bàn Cân, xã Đo Đạc, tỉnh Thước Đo",
)


def scan_pdf(pages: int, size: int, seed: int = 7) -> bytes:
    """A scan of so many pages as searchable PDF/A-2b, of about `size` bytes: text on grainy paper."""
    from ocr.searchable import make_searchable

    pictures = [_page(seed + number) for number in range(pages)]
    each = size // pages
    low, high = 5, 95
    while high - low > 1:  # the quality of the first page serves for all: grain weighs the same everywhere
        quality = (low + high) // 2
        low, high = (quality, high) if len(_jpeg(pictures[0][0], quality)) <= each else (low, quality)
    out = io.BytesIO()
    images = [Image.open(io.BytesIO(_jpeg(picture, low))) for picture, _ in pictures]
    images[0].save(out, "PDF", save_all=True, append_images=images[1:], resolution=DPI, quality=low)
    readings = [_reading(number + 1, words) for number, (_, words) in enumerate(pictures)]
    metadata = RecordMetadata(
        title="Giấy xác nhận", document_id="bench", scanned_at="2026-11-22T09:15:30+07:00"
    )
    numbers = list(range(1, pages + 1))
    return make_searchable(out.getvalue(), readings, pages=numbers, metadata=metadata).data


def large_scan(path: Path, size: int) -> int:
    """A scan of about `size` bytes written to `path`, page by page in little memory; how many pages it has.

    Lossless noise stands for 600 dpi colour scans: nothing packs it, so every page weighs its pixels.
    """
    import pikepdf

    noise = np.random.default_rng(11)
    page_bytes = 8_000_000
    pages = max(1, round(size / page_bytes))
    with pikepdf.open(io.BytesIO(scan_pdf(1, 300_000))) as pdf:
        for _ in range(pages):
            pixels = noise.integers(150, 256, page_bytes, dtype=np.uint8)
            image = pdf.make_stream(
                pixels.tobytes(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=2500,
                Height=page_bytes // 2500, ColorSpace=pikepdf.Name.DeviceGray, BitsPerComponent=8,
            )  # fmt: skip
            page = pdf.add_blank_page(page_size=(595, 842))
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im=image))
            page.Contents = pdf.make_stream(b"q 595 0 0 842 0 0 cm /Im Do Q")
        pdf.save(path, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.preserve)
    return pages + 1


def _page(seed: int) -> tuple[Image.Image, list[Word]]:
    grain = np.random.default_rng(seed).normal(238, 9, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(grain, "RGB")
    draw, words = ImageDraw.Draw(picture), []
    font = face("Liberation Serif", 38)
    for number in range(14):
        x, y = 200.0, 400 + number * 120
        for text in LINES[number % len(LINES)].split():
            draw.text((x, y), text, "black", font)
            box = tuple(map(float, draw.textbbox((x, y), text, font)))
            words.append(Word(text=text, box=box, confidence=0.95, line=number))
            x += draw.textlength(text + " ", font)
    return picture, words


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, dpi=(DPI, DPI))
    return out.getvalue()


def _reading(page: int, words: list[Word]) -> PageReading:
    points = 72 / DPI
    return PageReading(
        page=page, width=WIDTH, height=HEIGHT, dpi=DPI, words=words,
        quality=PageQuality(width_px=WIDTH, height_px=HEIGHT, dpi=DPI, colour=True),
        to_points=(points, 0.0, 0.0, 0.0, points, 0.0), page_size_pt=(WIDTH * points, HEIGHT * points),
    )  # fmt: skip


# --- the timestamp authority -----------------------------------------------------------------------------------------
@contextmanager
def authority(folder: Path) -> Iterator[tuple[str, int]]:
    """(address, process) of an RFC 3161 authority in a process of its own, for the demo PKI in `folder`."""
    command = [sys.executable, "-m", "bench.signing_files", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/", process.pid
        finally:
            process.stdin.close()
            process.wait(20)


def cpu_of(process: int) -> float:
    """CPU seconds a process has used, from the system."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of_children() -> float:
    """CPU seconds of the processes this one started and saw the end of."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stop_forkserver() -> None:
    """Processes of a pool are children of a server of their own; with its end they are counted."""
    from multiprocessing import forkserver

    forkserver._forkserver._stop()


def idle_seconds() -> float:
    """Seconds that the cores of this machine had nothing to do, all of them together, since it was started."""
    fields = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    from asn1crypto import tsp

    from signing.demo_pki import DemoPki

    stamper = DemoPki.open(Path(sys.argv[1])).timestamper()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave together. Written one after the other the second waits 40 ms for the first to be acknowledged
        # (Nagle and delayed acknowledgements), four times a file: the bench would measure that.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            answer = stamper.request_tsa_response(asked).dump()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
