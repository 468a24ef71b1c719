"""Pages as pictures: resolution, turn, colour, stamps."""

from __future__ import annotations

import cv2
import img2pdf
import numpy as np
import pikepdf
import pytest
from intake_files import (
    DPI,
    HEIGHT,
    LIMITS,
    POINTS,
    WIDTH,
    changed,
    encoded,
    jpeg,
    marks,
    page_picture,
    png,
    saved,
    scan,
    seen,
    stamped,
    tiff,
)
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

from ocr.intake import inspect, open_source
from schemas.errors import (
    PageFailed,
)


def test_render_gives_the_resolution_that_was_asked():
    for data in (jpeg(), png(), tiff(), scan()):
        for dpi in (72, 200, 300):
            image = seen(data, 1, dpi)
            assert image.dpi == dpi and image.native_dpi == pytest.approx(DPI, abs=0.5)
            assert image.pixels.shape[:2] == pytest.approx((HEIGHT / DPI * dpi, WIDTH / DPI * dpi), abs=1)
            assert (
                image.pixels.dtype == np.uint8
                and image.pixels.flags.c_contiguous
                and image.pixels.flags.writeable
            )
            assert marks(image.pixels) == ("tl", "br")
            assert image.colour and not image.bilevel


def test_page_numbers_start_at_one():
    for data in (jpeg(), scan()):
        info = inspect(data, "x", LIMITS)
        with open_source(data, info, LIMITS) as source:
            for page in (0, 2, -1):
                with pytest.raises(PageFailed):
                    source.render(page, 50)
            assert source.page_count == 1


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_shown_turn_of_pdf_pages(rotate):
    expected = {0: ("tl", "br"), 90: ("tr", "bl"), 180: ("br", "tl"), 270: ("bl", "tr")}[rotate]
    data = changed(scan(), lambda pdf: pdf.pages[0].obj.__setitem__("/Rotate", rotate))
    for dpi in (60, 100):  # straight from the file, and drawn
        image = seen(data, 1, dpi)
        assert marks(image.pixels) == expected
        assert (image.page_size_pt[0] > image.page_size_pt[1]) == (rotate in (90, 270))
        assert image.pixels.shape[1] / image.pixels.shape[0] == pytest.approx(
            image.page_size_pt[0] / image.page_size_pt[1], rel=0.01
        )


def test_both_ways_of_decoding_give_the_same_picture():
    sharp = encoded(page_picture(2480, 3508), "JPEG", dpi=(300, 300), quality=95)
    for rotate in (0, 90, 180, 270):
        data = img2pdf.convert([sharp])
        data = changed(data, lambda pdf: pdf.pages[0].obj.__setitem__("/Rotate", rotate))  # noqa: B023
        straight = seen(data, 1, 100).pixels
        # The smallest visible thing besides the scan makes pdfium draw the page.
        drawn = seen(
            changed(data, lambda pdf: pdf.pages[0].contents_add(b" 1 g 5 5 1 1 re f")), 1, 100
        ).pixels
        assert straight.shape == drawn.shape
        assert np.abs(straight.astype(int) - drawn).mean() < 1.5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
def test_exif_orientation(orientation, kind):
    exif = Image.Exif()
    exif[274] = orientation
    options = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif.tobytes()}
    data = encoded(page_picture(), kind, dpi=(DPI, DPI), **options)
    image = seen(data)
    expected = {1: ("tl", "br"), 2: ("tr", "bl"), 3: ("br", "tl"), 4: ("bl", "tr"),
                5: ("tl", "br"), 6: ("tr", "bl"), 7: ("br", "tl"), 8: ("bl", "tr")}[orientation]  # fmt: skip
    assert marks(image.pixels) == expected
    assert (image.page_size_pt[0] > image.page_size_pt[1]) == (orientation >= 5)
    height, width = image.pixels.shape[:2]
    assert (width > height) == (orientation >= 5)


def test_boxes_units_and_sizes():
    data = scan(3)

    def change(pdf):
        pdf.pages[0].obj["/CropBox"] = Array([0, 0, 150, 420])
        pdf.pages[1].obj["/UserUnit"] = 2
        pdf.pages[2].obj["/MediaBox"] = Array([0, 0, 14400, 14400])

    data = changed(data, change)
    info = inspect(data, "x", LIMITS)
    width, height = POINTS
    assert info.page_sizes_pt[0] == pytest.approx((150, 420), abs=0.1)
    assert info.page_sizes_pt[1] == pytest.approx((2 * width, 2 * height), abs=0.5)
    assert info.page_sizes_pt[2] == pytest.approx((14400, 14400))
    cropped, doubled, vast = (seen(data, page, 100) for page in (1, 2, 3))
    assert cropped.pixels.shape[:2] == (round(420 / 0.72), round(150 / 0.72))
    assert cropped.native_dpi == pytest.approx(DPI, abs=0.5)
    assert doubled.native_dpi == pytest.approx(DPI / 2, abs=0.5)
    assert doubled.pixels.shape[0] == pytest.approx(2 * height / 0.72, abs=1)
    assert vast.dpi < 100 and vast.pixels.shape[0] * vast.pixels.shape[1] <= LIMITS.page_pixels * 1.01


def test_cmyk_jpeg():
    data = encoded(page_picture(mode="CMYK"), "JPEG", dpi=(DPI, DPI))
    for form in (data, img2pdf.convert([data])):
        image = seen(form)
        assert marks(image.pixels) == ("tl", "br")
        assert image.pixels[5, 5].min() > 220


def test_sixteen_bits_and_transparency():
    deep = np.asarray(page_picture(mode="L")).astype(np.uint16) * 257
    ok, data = cv2.imencode(".png", deep)
    grey = seen(data.tobytes()).pixels
    assert ok and grey.ndim == 2 and grey[5, 5] > 240 and grey[60, 130] < 20
    clear = page_picture().convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 0))
    assert seen(encoded(clear, "PNG")).pixels.min() > 250  # what is transparent is paper
    wide = np.dstack([np.asarray(page_picture()).astype(np.uint16) * 257] * 1)[..., ::-1]
    assert marks(seen(cv2.imencode(".png", wide)[1].tobytes()).pixels) == ("tl", "br")
    tiff16 = encoded(Image.fromarray(deep), "TIFF")
    assert seen(tiff16).pixels[60, 130] < 20


def test_fax_pages():
    data = tiff(3, mode="1", compression="group4")
    image = seen(data, 3, DPI)
    assert image.bilevel and not image.colour and image.pixels.ndim == 2
    stretched = encoded(page_picture(1728, 1100, "1"), "TIFF", compression="group4", dpi=(204, 98))
    info = inspect(stretched, "x", LIMITS)
    assert info.page_sizes_pt[0] == pytest.approx((1728 / 204 * 72, 1100 / 98 * 72), rel=0.1)
    inside = seen(img2pdf.convert([data]), 2, DPI)
    assert inside.bilevel and inside.pixels.ndim == 2 and inside.native_dpi == pytest.approx(DPI, abs=1)


@pytest.mark.parametrize(
    ("size", "dpi", "points"),
    [
        ((1654, 2339), (200, 200), (595.4, 842)),
        ((1654, 2339), (72, 72), (595.3, 841.9)),
        ((1654, 2339), None, (595.3, 841.9)),
        ((3000, 4000), (72, 72), (595.3, 793.7)),
        ((4000, 3000), None, (793.7, 595.3)),
        ((744, 1052), (200, 200), (595.3, 841.7)),
        ((1011, 638), (300, 300), (242.6, 153.1)),
    ],
)
def test_resolution_of_images(size, dpi, points):
    options = {"dpi": dpi} if dpi else {}
    data = encoded(Image.new("L", size, 255), "JPEG", **options)
    assert inspect(data, "x", LIMITS).page_sizes_pt[0] == pytest.approx(points, abs=1)


def test_colour_is_real_colour():
    grey_as_rgb = page_picture(mode="L").convert("RGB")
    noise = np.asarray(grey_as_rgb).astype(int) + np.random.default_rng(1).integers(
        -25, 25, (HEIGHT, WIDTH, 3)
    )
    noisy = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    for picture, colour in ((grey_as_rgb, False), (noisy, False), (page_picture(), True)):
        data = encoded(picture, "JPEG", dpi=(DPI, DPI), quality=70)
        assert seen(data).colour is colour
        assert seen(img2pdf.convert([data])).colour is colour


def test_stamps_are_drawn_but_are_no_colour_of_the_scan():
    data = stamped(img2pdf.convert([encoded(page_picture(mode="L"), "JPEG", dpi=(DPI, DPI))]))
    image = seen(data)
    assert image.pixels.ndim == 3 and image.colour is False
    assert tuple(image.pixels[50, -50]) == (255, 0, 0)
    assert seen(stamped(scan(), hidden=True)).pixels[50, -50].min() > 200


def test_scan_in_strips_is_one_scan():
    pdf = pikepdf.new()
    picture = page_picture()
    pdf.add_blank_page(page_size=POINTS)
    content, resources = b"", Dictionary()
    for number in range(7):
        top, bottom = round(HEIGHT * number / 7), round(HEIGHT * (number + 1) / 7)
        body = encoded(picture.crop((0, top, WIDTH, bottom)), "JPEG")
        part = Stream(pdf, body, Type=Name.XObject, Subtype=Name.Image,
                      Width=WIDTH, Height=bottom - top, BitsPerComponent=8, ColorSpace=Name.DeviceRGB,
                      Filter=Name.DCTDecode)  # fmt: skip
        resources[f"/I{number}"] = part
        content += f"q {POINTS[0]} 0 0 {(bottom - top) * 0.6} 0 {(HEIGHT - bottom) * 0.6} cm /I{number} Do Q ".encode()
    pdf.pages[0].obj["/Resources"] = Dictionary(XObject=resources)
    pdf.pages[0].obj["/Contents"] = Stream(pdf, content)
    image = seen(saved(pdf))
    assert image.native_dpi == pytest.approx(DPI, abs=1) and marks(image.pixels) == ("tl", "br")
