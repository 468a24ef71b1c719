"""Files as users and scanners send them: what is taken, what is refused and why."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pikepdf
import pytest
from intake_files import (
    CATALOGUE,
    LIMITS,
    ONE_PAGE,
    POINTS,
    changed,
    drawn_pdf,
    jpeg,
    marks,
    png,
    raw_pdf,
    saved,
    scan,
    seen,
    tiff,
)
from pikepdf import Name

from ocr.intake import inspect, list_files, read_file
from schemas.errors import (
    DamagedFile,
    EmptyFile,
    EncryptedFile,
    InputRejected,
    NotARegularFile,
    TooLarge,
    TooManyPages,
    TooManyPixels,
    TruncatedFile,
    UnreadableFile,
    UnsupportedFile,
)
from schemas.settings import Limits


# --- from disk ---
def test_reads_a_regular_file(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"abc")
    assert read_file(tmp_path / "a.jpg", LIMITS) == b"abc"


def test_refuses_what_is_no_file(tmp_path):
    (tmp_path / "real").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")  # opening it would block for ever
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        for name in ("link", "pipe", "s"):
            with pytest.raises(NotARegularFile):
                read_file(tmp_path / name, LIMITS)
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(NotARegularFile):
            read_file(path, LIMITS)


def test_refuses_empty_large_and_vanished(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(11))
    with pytest.raises(EmptyFile):
        read_file(tmp_path / "empty", LIMITS)
    with pytest.raises(TooLarge):
        read_file(tmp_path / "large", Limits(file_bytes=10))
    with pytest.raises(UnreadableFile):
        read_file(tmp_path / "gone", LIMITS)
    with pytest.raises(UnreadableFile):
        read_file(tmp_path / "large" / "below a file", LIMITS)


def test_refuses_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    path.write_bytes(b"abc")
    path.chmod(0)
    if os.access(
        path, os.R_OK
    ):  # an administrator may read everything: the system's answer is put in its place

        def denied(*_args, **_options):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", denied)
    with pytest.raises(UnreadableFile):
        read_file(path, LIMITS)


def test_refuses_a_file_that_grows_while_read(tmp_path, monkeypatch):
    path = tmp_path / "growing"
    path.write_bytes(bytes(100))
    true_read, grown = os.read, []

    def read(handle, count):
        piece = true_read(handle, count)
        if not grown:
            grown.append(True)
            with path.open("ab") as more:
                more.write(b"more")
        return piece

    monkeypatch.setattr(os, "read", read)
    with pytest.raises(TruncatedFile):
        read_file(path, LIMITS)


def test_lists_as_a_person_would(tmp_path):
    folder = tmp_path / "batch"
    (folder / "sub 2").mkdir(parents=True)
    names = ["scan10.pdf", "scan2.pdf", "Scan1.pdf", "sub 2/b.pdf"]
    junk = {".hidden.pdf": "hidden", "x.pdf.part": "temporary", "~$doc.pdf": "temporary", "Thumbs.db": "system",
            ".DS_Store": "hidden", "y.pdf~": "temporary"}  # fmt: skip
    for name in [*names, *junk]:
        (folder / name).write_bytes(b"x")
    (folder / "outside").symlink_to("/etc", target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    skipped = {}
    listed = list(
        list_files([folder, tmp_path / "missing"], LIMITS, lambda p, why: skipped.update({p.name: why}))
    )
    assert [p.name for p in listed] == [
        "loop",
        "outside",
        "Scan1.pdf",
        "scan2.pdf",
        "scan10.pdf",
        "b.pdf",
        "missing",
    ]
    assert skipped == junk
    with pytest.raises(NotARegularFile):
        read_file(folder / "outside", LIMITS)
    assert list(list_files([folder / ".hidden.pdf"], LIMITS)) == [folder / ".hidden.pdf"]  # named: meant
    with pytest.raises(TooLarge):
        list(list_files([folder], Limits(batch_files=3)))


# --- kinds ---
@pytest.mark.parametrize(
    ("data", "media_type"),
    [(jpeg(), "image/jpeg"), (png(), "image/png"), (tiff(), "image/tiff"), (scan(), "application/pdf")],
)
def test_kind_is_told_by_content(data, media_type):
    info = inspect(data, "wrong.pdf", LIMITS)
    assert (info.media_type, info.pages, info.size) == (media_type, 1, len(data))
    assert info.page_sizes_pt[0] == pytest.approx(POINTS, abs=0.6)


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04" + bytes(50), b"<!DOCTYPE html><html>", b"GIF89a" + bytes(50), b"BM" + bytes(60), b"\0" * 40, b"x",
     b"RIFF0000WEBPVP8 ", b"<html>see %PDF-1.4</html>"],
)  # fmt: skip
def test_other_kinds_are_refused(data):
    with pytest.raises(UnsupportedFile):
        inspect(data, "scan.pdf", LIMITS)


def test_empty_bytes_are_refused():
    with pytest.raises(EmptyFile):
        inspect(b"", "scan.pdf", LIMITS)


def test_junk_before_the_header_is_borne():
    data = b"\r\n--mail gateway\r\n" + scan(2)
    assert inspect(data, "x.pdf", LIMITS).pages == 2
    assert marks(seen(data, 2).pixels) == ("tl", "br")


# --- cut and broken ---
@pytest.mark.parametrize("data", [jpeg(), png(), tiff(3), tiff(compression="jpeg"), tiff(compression="raw"),
                                  tiff(2, mode="1", compression="group4")])  # fmt: skip
def test_cut_images_are_told(data):
    for share in (0.02, 0.1, 0.3, 0.5, 0.8, 0.95, 0.99):
        with pytest.raises((TruncatedFile, DamagedFile)):
            inspect(data[: int(len(data) * share)], "x", LIMITS)
    with pytest.raises(TruncatedFile):
        inspect(data[:-20], "x", LIMITS)


def test_a_cut_pdf_never_loses_a_page_silently():
    whole = scan(3)
    linear = changed(whole, lambda pdf: None)
    packed = io.BytesIO()
    with pikepdf.open(io.BytesIO(whole)) as pdf:
        pdf.save(packed, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    for data in (whole, linear, packed.getvalue(), drawn_pdf()):
        pages = inspect(data, "x", LIMITS).pages
        accepted = 0
        for end in range(50, len(data), max(1, len(data) // 120)):
            try:
                info = inspect(data[:end], "x", LIMITS)
            except (TruncatedFile, UnsupportedFile, DamagedFile):
                continue
            accepted += 1
            assert info.pages == pages
            for page in range(1, pages + 1):
                whole_page, cut_page = seen(data, page, 40).pixels, seen(data[:end], page, 40).pixels
                assert np.array_equal(whole_page, cut_page), f"cut at {end} of {len(data)}"
        assert accepted < 15  # only cuts in the index behind the last page


def test_a_cut_picture_in_a_whole_pdf_is_told():
    def change(pdf, cut):
        picture = pdf.pages[0].obj["/Resources"]["/XObject"]
        picture = picture[next(iter(picture.keys()))]
        picture.write(cut(picture.read_raw_bytes()), filter=Name.DCTDecode)

    data = scan()
    with pytest.raises(TruncatedFile):
        inspect(changed(data, lambda pdf: change(pdf, lambda raw: raw[: len(raw) // 2])), "x", LIMITS)
    for sloppy in (
        lambda raw: raw[:-2],
        lambda raw: raw + bytes(500),
    ):  # no end marker, or padded: all rows are there
        assert inspect(changed(data, lambda pdf: change(pdf, sloppy)), "x", LIMITS).pages == 1  # noqa: B023


def test_a_lost_index_is_rebuilt_when_all_pages_are_there():
    data = scan(2)
    assert inspect(data.replace(b"startxref", b"startxxxx"), "x", LIMITS).pages == 2
    assert inspect(data[: data.rindex(b"xref\n0")] + b"%%EOF", "x", LIMITS).pages == 2


def test_an_index_that_refers_to_itself_ends():
    data = raw_pdf([CATALOGUE, ONE_PAGE, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"])
    start = int(data.split()[-2])
    looped = data.replace(b"/Root", b"/Prev %d /Root" % start)
    assert inspect(data, "x", LIMITS).pages == inspect(looped, "x", LIMITS).pages == 1


@pytest.mark.parametrize(
    "objects",
    [
        [CATALOGUE, b"<</Type/Pages/Kids[]/Count 0>>"],
        [CATALOGUE, b"<</Type/Pages/Kids[2 0 R]/Count 1>>"],
        [CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Pages/Kids[2 0 R]/Count 1>>"],
        [CATALOGUE, b"<</Type/Pages/Kids[9 0 R]/Count 1>>"],
        [b"<</Type/Catalog>>"],
        [b"<</Type/Catalog/Pages 2 0 R/Collection<</View/T>>>>", ONE_PAGE,
         b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"],
    ],
)  # fmt: skip
def test_files_without_pages_are_damaged(objects):
    with pytest.raises(DamagedFile):
        inspect(raw_pdf(objects), "x", LIMITS)


def test_a_deep_page_tree_ends():
    depth = 20_000
    nodes = [b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (n + 3) for n in range(depth)]
    data = raw_pdf([CATALOGUE, *nodes, b"<</Type/Page/MediaBox[0 0 595 842]>>"])
    with pytest.raises(InputRejected):
        inspect(data, "x", LIMITS)


# --- passwords ---
@pytest.mark.parametrize("strength", [4, 6])
def test_passwords(strength):
    with pikepdf.open(io.BytesIO(scan(2))) as pdf:
        open_to_all = saved(pdf, encryption=pikepdf.Encryption(owner="o", user="", R=strength))
        closed = saved(pdf, encryption=pikepdf.Encryption(owner="o", user="u", R=strength))
    info = inspect(open_to_all, "x", LIMITS)
    assert info.encrypted_empty_password and info.pages == 2
    assert marks(seen(open_to_all).pixels) == ("tl", "br")
    with pytest.raises(EncryptedFile):
        inspect(closed, "x", LIMITS)
    assert not inspect(scan(), "x", LIMITS).encrypted_empty_password


# --- bounds ---
def test_page_bounds():
    few = Limits(pages=3)
    assert inspect(scan(3), "x", few).pages == 3
    for data in (scan(4), tiff(4)):
        with pytest.raises(TooManyPages):
            inspect(data, "x", few)
    assert inspect(tiff(3), "x", few).pages == 3


def test_size_bound():
    with pytest.raises(TooLarge):
        inspect(jpeg(), "x", Limits(file_bytes=100))


def test_pixel_bounds():
    few = Limits(page_pixels=500_000)
    for data in (jpeg(), png(), tiff(), scan()):
        with pytest.raises(TooManyPixels):
            inspect(data, "x", few)


def test_a_tiff_that_refers_to_itself_ends():
    data = bytearray(tiff(1, compression="raw"))
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    with pytest.raises(DamagedFile):
        inspect(bytes(data), "x", LIMITS)
