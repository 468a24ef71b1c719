"""Files as strangers send them: bombs and broken bytes, in a process of their own under a memory limit."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import textwrap
import zlib

import pikepdf
from intake_files import (
    CATALOGUE,
    ONE_PAGE,
    ROOT,
    content_pdf,
    deflated_zeros,
    drawn_pdf,
    encoded,
    jpeg,
    page_picture,
    raw_pdf,
    saved,
    scan,
    stream,
    tiff,
)

from schemas.errors import (
    DamagedFile,
    DecompressionBomb,
    InputRejected,
    TooManyPixels,
)


def bombs() -> dict[str, tuple[bytes, type[InputRejected]]]:
    zeros = deflated_zeros(1 << 30)
    twice = zlib.compress(zeros, 9)
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>"
    )
    draw = stream(b"q 595 0 0 842 0 0 cm /I Do Q")
    image = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Width %d/Height %d"
    huge_png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(bytes(1000))),
            (b"IEND", b""),
        )
    )
    over_full_png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 2, 0, 0, 0)),
            (b"IDAT", zeros),
            (b"IEND", b""),
        )
    )
    huge_jpeg = bytearray(jpeg())
    frame = huge_jpeg.index(b"\xff\xc0")
    huge_jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    lying = raw_pdf([CATALOGUE, ONE_PAGE, page,
                     stream(bytes(huge_jpeg), image % (100, 100) + b"/Filter/DCTDecode"), draw])  # fmt: skip
    in_bomb = (
        b"%PDF-1.5\n4 0 obj\n"
        + stream(zeros, b"/Type/ObjStm/N 3/First 18/Filter/FlateDecode")
        + b"\nendobj\n"
    )
    places = [(0, 0, 0), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, 9, 0), (1, len(in_bomb), 0)]
    table = b"".join(struct.pack(">BIB", *place) for place in places)
    in_bomb += b"5 0 obj\n" + stream(table, b"/Type/XRef/W[1 4 1]/Size 6/Root 1 0 R") + b"\nendobj\n"
    in_bomb += b"startxref\n%d\n%%%%EOF" % places[-1][1]
    index_entries = b"/Type/XRef/W[1 2 1]/Size 6/Root 1 0 R/Filter/FlateDecode"
    index_bomb = b"%PDF-1.5\n5 0 obj\n" + stream(zeros, index_entries) + b"\nendobj\nstartxref\n9\n%%EOF"
    many = b"<</Type/Pages/Count 300000/Kids[" + b"3 0 R " * 300_000 + b"]>>"
    part = stream(zlib.compress(bytes(50_000_000), 9), b"/Filter/FlateDecode")
    repeated = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents[" + b"4 0 R " * 1000 + b"]>>"
    lzw_chain = b"/Filter[/LZWDecode/FlateDecode]"
    runs = bytes([129, 0]) * 2_000_000
    return {
        "content": (content_pdf(zeros, b"/Filter/FlateDecode"), DecompressionBomb),
        "content twice": (content_pdf(twice, b"/Filter[/FlateDecode/FlateDecode]"), DecompressionBomb),
        "name in disguise": (content_pdf(zeros, b"/Filter/Fl#61teDecode"), DecompressionBomb),
        "hexadecimal first": (
            content_pdf(twice.hex().encode() + b">", b"/Filter[/ASCIIHexDecode/FlateDecode/FlateDecode]"),
            DecompressionBomb,
        ),
        "lzw then flate": (content_pdf(bytes(200_000), lzw_chain), DecompressionBomb),
        "run length": (content_pdf(runs, b"/Filter/RunLengthDecode"), DecompressionBomb),
        "repeated content": (raw_pdf([CATALOGUE, ONE_PAGE, repeated, part]), DecompressionBomb),
        "picture": (
            raw_pdf([CATALOGUE, ONE_PAGE, page, stream(zeros, image % (100, 100) + b"/Filter/FlateDecode"), draw]),
            DecompressionBomb,
        ),
        "picture pixels": (
            raw_pdf([CATALOGUE, ONE_PAGE, page, stream(b"x", image % (200_000, 200_000)), draw]),
            TooManyPixels,
        ),
        "picture that lies": (lying, TooManyPixels),
        "object stream": (in_bomb, DamagedFile),  # qpdf refuses to inflate it, so nothing is found
        "index stream": (index_bomb, DamagedFile),
        "pages": (raw_pdf([CATALOGUE, many, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 5 5]>>"]), DamagedFile),
        "png header": (huge_png, TooManyPixels),
        "png data": (over_full_png, DecompressionBomb),
        "jpeg header": (bytes(huge_jpeg), TooManyPixels),
    }  # fmt: skip


IN_A_PROCESS = """
import json, resource, sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from ocr.intake import inspect, open_source
from schemas.errors import SohoaError
from schemas.settings import Limits
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + {memory}, held + {memory}))
limits = Limits()
def attempt(data):
    start = time.process_time()
    try:
        info = inspect(data, "x", limits)
        with open_source(data, info, limits) as source:
            for page in range(1, min(source.page_count, 3) + 1):
                source.render(page, 50)
                source.born_words(page)
        outcome = "opened"
    except SohoaError as error:
        outcome = error.code
    return outcome, time.process_time() - start
"""


def in_a_process(body: str, memory: int) -> dict:
    """Runs `body` under a memory limit; what it leaves in `result` comes back. A crash of native code fails here."""
    script = (
        IN_A_PROCESS.format(root=str(ROOT), memory=memory)
        + textwrap.dedent(body)
        + "\nprint(json.dumps(result))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def test_bombs_are_refused_in_time_and_memory(tmp_path):
    expected = {}
    for name, (data, error) in bombs().items():
        (tmp_path / name).write_bytes(data)
        expected[name] = error.code
    result = in_a_process(
        f"result = {{p.name: attempt(p.read_bytes()) for p in Path({str(tmp_path)!r}).iterdir()}}", 600 << 20
    )
    assert {name: outcome for name, (outcome, _) in result.items()} == expected
    slow = {name: seconds for name, (_, seconds) in result.items() if seconds > 2}
    assert not slow


def test_broken_bytes_never_escape(tmp_path):
    """Bytes flipped, cut, repeated and overwritten at random (fixed seed): only our own errors, in time and memory."""
    samples = {
        "scan.pdf": scan(2),
        "drawn.pdf": drawn_pdf(),
        "page.jpg": jpeg(),
        "page.png": encoded(page_picture(120, 160), "PNG"),
        "fax.tif": tiff(2, mode="1", compression="group4"),
        "lzw.tif": encoded(page_picture(120, 160), "TIFF", compression="tiff_lzw"),
        "jpeg.tif": tiff(1, compression="jpeg"),
    }
    with pikepdf.open(io.BytesIO(scan(2))) as pdf:
        samples["packed.pdf"] = saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    for name, data in samples.items():
        (tmp_path / name).write_bytes(data)
    result = in_a_process(
        f"""
        import random
        def broken(data, dice):
            data = bytearray(data)
            for _ in range(dice.choice((1, 1, 2, 5, 30))):
                at = dice.choice((dice.randrange(len(data)), dice.randrange(min(len(data), 300)),
                                  max(0, len(data) - 1 - dice.randrange(400))))
                kind = dice.randrange(5)
                if kind == 0: data[at] ^= 1 << dice.randrange(8)
                elif kind == 1: data[at] = dice.choice((0, 255, 127, 128, 57))
                elif kind == 2: data[at:at + 4] = dice.randbytes(4)
                elif kind == 3: del data[at:at + dice.randrange(1, 50)]
                else: data[at:at] = data[at:at + dice.randrange(1, 50)]
                if len(data) < 20: break
            return bytes(data)
        result = {{"worst": 0, "outcomes": {{}}}}
        for path in sorted(Path({str(tmp_path)!r}).iterdir()):
            dice = random.Random(path.name)
            for number in range(200):
                outcome, seconds = attempt(broken(path.read_bytes(), dice))
                result["worst"] = max(result["worst"], seconds)
                counts = result["outcomes"].setdefault(path.name, {{}})
                counts[outcome] = counts.get(outcome, 0) + 1
        """,
        800 << 20,
    )
    assert result["worst"] < 2
    assert all(
        sum(n for code, n in counts.items() if code != "opened") > 5 for counts in result["outcomes"].values()
    )
