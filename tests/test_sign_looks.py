"""What is seen: pictures are rendered and looked at, because bytes can be right and the picture rubbish."""

from __future__ import annotations

import functools
import io
import itertools

import cv2
import numpy as np
import pdfplumber
import pikepdf
import pypdfium2
import pytest
import zxingcpp
from fontTools import subset
from fontTools.ttLib import TTFont
from made_scans import DPI, sample_font, scan
from PIL import Image, ImageDraw
from signing_fixtures import (
    AGENCY,
    CAPTURED,
    PEOPLE,
    QR,
    SETTINGS,
    judged,
    prepared,
    request,
    scanned,
    scanned_words,
    signer,
    validation,
)

from ocr.pdfa_check import check_pdfa2b
from schemas.errors import BadSettings, MissingProgram
from schemas.signing import FIELD_NAMES, Product, Role, SigningSettings
from schemas.zone import VIETNAM
from signing.appearance import clock, looks_of, wrapped
from signing.appearance_font import LETTERS, _candidates, face
from signing.appearance_page import PageFrame
from signing.demo_mark import MARK, PAGE_MARK
from signing.sign import sign
from signing.sign_prepare import Prepared

SCALE = 3.0
ALIKE = 0.95
"""Right lines reach 0.98, the same without accents 0.91."""
VIETNAMESE = (
    "áàảãạăắằẳẵặâấầẩẫậéèẻẽẹêếềểễệíìỉĩịóòỏõọôốồổỗộơớờởỡợúùủũụưứừửữựýỳỷỹỵđ"
    "ÁÀẢÃẠĂẮẰẲẴẶÂẤẦẨẪẬÉÈẺẼẸÊẾỀỂỄỆÍÌỈĨỊÓÒỎÕỌÔỐỒỔỖỘƠỚỜỞỠỢÚÙỦŨỤƯỨỪỬỮỰÝỲỶỸỴĐ"
)


def shown(data: bytes, page: int = 0, scale: float = SCALE) -> np.ndarray:
    """The page as a reader shows it, with its form fields; RGB."""
    document = pypdfium2.PdfDocument(data)
    document.init_forms()
    picture = document[page].render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
    document.close()
    return np.asarray(picture)


def cut(picture: np.ndarray, box, scale: float = SCALE) -> np.ndarray:
    left, top, right, bottom = (round(side * scale) for side in box)
    return picture[top:bottom, left:right]


def ink(picture: np.ndarray) -> np.ndarray:
    return picture.min(axis=2) < 140


def like_text(picture: np.ndarray, lines: list[str], size: float = 10.0, leading: float = 12.0) -> float:
    """How well the picture shows these lines: share of ink that has its like within one pixel, both ways, the worse one.

    The comparison is drawn by another program (Pillow), line by line, moved to where it fits best.
    """
    font, seen = sample_font(round(size * SCALE)), ink(picture).astype(np.uint8)
    worst, pitch = 1.0, leading * SCALE
    top = (seen.shape[0] - pitch * len(lines)) / 2
    for number, line in enumerate(lines):
        row = seen[max(0, round(top + pitch * number)) : round(top + pitch * (number + 1))]
        drawing = Image.new("L", (row.shape[1], row.shape[0]), 255)
        ImageDraw.Draw(drawing).text((3 * SCALE, 0), line, 0, font)
        wanted = (np.asarray(drawing) < 140).astype(np.uint8)
        near = np.ones((3, 3), np.uint8)
        best = 0.0
        for dx, dy in itertools.product(range(-5, 6), range(-8, 9)):
            moved = np.roll(wanted, (dy, dx), (0, 1))
            found = (moved & cv2.dilate(row, near)).sum() / max(1, moved.sum())
            right = (row & cv2.dilate(moved, near)).sum() / max(1, row.sum())
            best = max(best, min(found, right))
        worst = min(worst, best)
    return worst


def without_fringes(picture: np.ndarray) -> np.ndarray:
    """The renderer smooths letters with coloured edges; over a few pixels they cancel out."""
    return cv2.blur(picture, (7, 7)).astype(int)


def same_ink(one: np.ndarray, other: np.ndarray) -> bool:
    """Each picture's ink has its like within two pixels of the other's: sizes and places are the same."""
    first, second = ink(one).astype(np.uint8), ink(other).astype(np.uint8)
    near = np.ones((5, 5), np.uint8)
    return (first & cv2.dilate(second, near)).sum() / first.sum() > 0.995 and (
        second & cv2.dilate(first, near)
    ).sum() / second.sum() > 0.995


def place(done: Prepared, role: Role):
    return next(found for found in done.places if found.role is role)


def overlap(one, other) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def sign_all(done: Prepared, product: Product = Product.DIGITISED, settings=SETTINGS) -> tuple[bytes, str]:
    """Signed by clerk and agency; and the agency's time as shown."""
    data = done.data
    for role in (Role.SCANNER, Role.AGENCY):
        last = sign(
            data, request(role, product=product), signer(role), settings=settings, validation=validation(role)
        )
        data = last.data
    return data, clock(last.evidence.signed_at)


@functools.cache
def usual() -> tuple[Prepared, bytes, str]:
    done = prepared(product=Product.TRUE_COPY, words={1: scanned_words()})
    return done, *sign_all(done, Product.TRUE_COPY)


# --- a page with room ------------------------------------------------------------------------------------------------
def test_the_clerk_stands_top_left_and_the_agency_top_right():
    done, _, _ = usual()
    clerk, agency = place(done, Role.SCANNER), place(done, Role.AGENCY)
    assert clerk.page == agency.page == 1
    assert not clerk.in_band and not agency.in_band and not done.above
    assert clerk.box[2] < 595 / 2 < agency.box[0]
    assert max(clerk.box[3], agency.box[3]) < 842 * 0.13


def test_the_pictures_say_what_the_law_wants():
    done, data, moment = usual()
    picture = shown(data)
    clerk = [f"Người sao chụp: {PEOPLE[Role.SCANNER]}", f"Sao chụp lúc: {clock(CAPTURED)}", MARK]
    assert like_text(cut(picture, place(done, Role.SCANNER).box), clerk) > ALIKE
    agency = ["SAO Y", AGENCY, moment, MARK]
    assert like_text(cut(picture, place(done, Role.AGENCY).box), agency) > ALIKE
    assert clock(CAPTURED) == "22/11/2026 09:15:30 +07:00"


def test_the_comparison_of_pictures_can_fail():
    done, data, moment = usual()
    part = cut(shown(data), place(done, Role.AGENCY).box)
    assert like_text(part, ["SAO Y", "Uy ban nhan dan xa Thu Nghiem", moment, MARK]) < ALIKE
    assert like_text(part, ["SAO LỤC", AGENCY, moment, MARK]) < ALIKE
    blank = np.full_like(part, 255)
    assert like_text(blank, ["SAO Y", AGENCY, moment, MARK]) == 0.0


def test_the_agencys_text_is_black_and_no_image_is_shown():
    done, data, _ = usual()
    part = without_fringes(cut(shown(data), place(done, Role.AGENCY).box))
    assert (part.max(axis=2) - part.min(axis=2)).max() < 40
    assert part.min() < 100
    with pikepdf.open(io.BytesIO(data)) as pdf:
        for annotation in pdf.pages[0].Annots:
            assert "/XObject" not in annotation.AP.N.Resources


def test_nothing_is_shown_before_it_is_signed():
    done, _, _ = usual()
    for found in done.places:
        assert not ink(cut(shown(done.data), found.box)).any()


def test_nothing_overlaps():
    done, _, _ = usual()
    boxes = [found.box for found in done.places] + [done.mark, done.qr]
    for one, other in itertools.combinations(boxes, 2):
        assert not overlap(one, other)
    for box, word in itertools.product(boxes, scanned_words()):
        assert not overlap(box, word)
    before = shown(scanned())
    for box in boxes:
        assert not ink(cut(before, box)).any()


def test_the_scan_shows_as_it_was():
    done, data, _ = usual()
    before, after = shown(scanned()), shown(data).copy()
    for box in [found.box for found in done.places] + [done.mark, done.qr]:
        left, top, right, bottom = (round(side * SCALE) for side in box)
        after[top - 2 : bottom + 2, left - 2 : right + 2] = 255
    changed = np.abs(before.astype(int) - after).max(axis=2) > 60
    rows = np.flatnonzero(changed.any(axis=1)) / SCALE
    assert rows.size == 0 or (rows.min() > 740 and rows.max() < 842)  # the test mark at the foot
    red = after[changed].astype(int)
    assert (red[:, 0] > red[:, 1] + 30).mean() > 0.9


def test_the_conversion_mark_is_text():
    done, data, _ = usual()
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        text = " ".join(pdf.pages[0].extract_text().split())
    assert (
        f"Bản điện tử được chuyển đổi từ văn bản giấy lúc {clock(CAPTURED)}, bởi {PEOPLE[Role.SCANNER]}, {AGENCY}"
        in text
    )
    assert PAGE_MARK in text
    assert ink(cut(shown(data), done.mark)).any()


def test_the_qr_reads_as_given():
    done, data, _ = usual()
    part = Image.fromarray(cut(shown(data, scale=4.0), done.qr, 4.0))
    (found,) = zxingcpp.read_barcodes(part)
    assert found.text == QR
    module = (done.qr[2] - done.qr[0]) / 57 * 25.4 / 72
    assert module > 0.3  # mm: prints and reads again


# --- pages with less room --------------------------------------------------------------------------------------------
def crowded() -> bytes:
    """Text from edge to edge."""
    picture = Image.new("RGB", (1240, 1754), "white")  # A4 at 150 dpi
    draw, font = ImageDraw.Draw(picture), sample_font(26)
    for y in range(4, 1750, 30):
        draw.text(
            (2, y),
            "Ủy ban nhân dân xã Đại Đồng xác nhận các nội dung sau đây là đúng sự thật " * 2,
            "black",
            font,
        )
    return as_pdf(picture, 150)


def as_pdf(picture: Image.Image, dpi: float = DPI, **keys) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PDF", resolution=dpi)
    if not keys:
        return out.getvalue()
    with pikepdf.open(out) as pdf:
        for name, value in keys.items():
            pdf.pages[0][f"/{name}"] = value
        changed = io.BytesIO()
        pdf.save(changed)
    return changed.getvalue()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_without_room_gets_a_band_and_the_scan_keeps_its_size(turn):
    source = as_pdf(
        Image.open(io.BytesIO(_png(crowded()))).rotate(turn, expand=True), 150, Rotate=turn
    ) if turn else crowded()  # fmt: skip
    done = prepared(source)
    data, moment = sign_all(done)
    above = done.above[1]
    assert all(found.in_band and found.box[3] < above for found in done.places)
    assert done.qr[3] < above
    before, after = shown(source), shown(data)
    top = round(above * SCALE)
    assert after.shape[1] == before.shape[1] and after.shape[0] > before.shape[0] + top
    same = after[top : top + before.shape[0]]
    assert same_ink(same[4:-4], before[4:-4])
    assert like_text(cut(after, place(done, Role.AGENCY).box), [AGENCY, moment, MARK]) > ALIKE
    boxes = [found.box for found in done.places] + [done.qr]
    assert not any(overlap(one, other) for one, other in itertools.combinations(boxes, 2))
    assert judged(data, FIELD_NAMES[Role.AGENCY]).bottom_line
    assert judged(data, FIELD_NAMES[Role.SCANNER]).bottom_line


def _png(pdf: bytes) -> bytes:
    out = io.BytesIO()
    Image.fromarray(shown(pdf, scale=150 / 72)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_pages_are_signed_upright_and_stay_pdfa(turn):
    done = prepared(scanned(turn), product=Product.TRUE_COPY)
    data, moment = sign_all(done, Product.TRUE_COPY)
    picture = shown(data)
    assert place(done, Role.SCANNER).box[0] < 100 < 400 < place(done, Role.AGENCY).box[2]
    assert like_text(cut(picture, place(done, Role.AGENCY).box), ["SAO Y", AGENCY, moment, MARK]) > ALIKE
    (found,) = zxingcpp.read_barcodes(Image.fromarray(picture))
    assert found.text == QR
    assert check_pdfa2b(data) == []


def test_a_crop_box_that_does_not_begin_at_zero():
    picture, _ = scan()
    source = as_pdf(picture, CropBox=[40, 60, 560, 800])
    done = prepared(source)
    data, moment = sign_all(done)
    assert like_text(cut(shown(data), place(done, Role.AGENCY).box), [AGENCY, moment, MARK]) > ALIKE
    assert shown(data).shape[1] == round(520 * SCALE)


def test_a_band_shows_nothing_that_the_crop_box_hid():
    hidden = Image.open(io.BytesIO(_png(crowded())))
    source = as_pdf(hidden, 150, CropBox=[0, 100, 595, 742])
    done = prepared(source)
    band = shown(done.data)[: round(done.above[1] * SCALE) - 3]
    free = band.copy()
    left, top, right, bottom = (round(side * SCALE) for side in done.qr)
    free[top:bottom, left:right] = 255
    assert not ink(free).any()


def test_words_count_even_where_no_ink_is_seen():
    blank = as_pdf(Image.new("RGB", (1654, 2339), "white"))
    everywhere = [(0.0, y, 595.0, y + 20.0) for y in range(0, 842, 20)]
    assert prepared(blank).above == {}
    assert prepared(blank, words={1: everywhere}).above


def test_ink_counts_even_where_no_word_was_read():
    picture = Image.new("RGB", (1654, 2339), "white")
    ImageDraw.Draw(picture).ellipse(
        (20, 10, 420, 400), outline=(200, 30, 30), width=14
    )  # a seal in the corner
    source = as_pdf(picture)
    done = prepared(source)
    before = shown(source)
    for found in done.places:
        assert not ink(cut(before, found.box)).any()
    assert place(done, Role.SCANNER).box[0] > 140 or place(done, Role.SCANNER).box[1] > 140 or done.above


def test_a_small_page_takes_both():
    small = as_pdf(Image.new("RGB", (583, 827), "white"))  # A6 at 141 dpi
    done = prepared(small)
    assert not overlap(place(done, Role.SCANNER).box, place(done, Role.AGENCY).box)
    data, _ = sign_all(done)
    width = shown(data).shape[1] / SCALE
    assert all(0 <= found.box[0] and found.box[2] <= width + 0.5 for found in done.places)


def test_every_page_carries_the_test_mark():
    page, other = scanned(), crowded()
    with pikepdf.open(io.BytesIO(page)) as first, pikepdf.open(io.BytesIO(other)) as second:
        first.pages.append(second.pages[0])
        first.pages.append(first.pages[0])
        out = io.BytesIO()
        first.save(out)
    data, _ = sign_all(prepared(out.getvalue()))
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        assert len(pdf.pages) == 3
        for page in pdf.pages:
            assert " ".join(page.extract_text().split()).count(PAGE_MARK) == 1


def test_real_keys_leave_no_test_mark():
    done = prepared(demo=False)
    with pdfplumber.open(io.BytesIO(done.data)) as pdf:
        assert MARK not in pdf.pages[0].extract_text()
    assert MARK not in "".join(looks_of(request(Role.AGENCY), CAPTURED, SETTINGS, demo=False).lines)


def test_a_fixed_place_is_kept():
    """Beside an attestation on the last page."""
    box = (300.0, 700.0, 560.0, 760.0)
    done = prepared(None, Role.CERTIFIER, Role.AGENCY, at={Role.CERTIFIER: (1, box)})
    assert place(done, Role.CERTIFIER).box == box
    assert not overlap(done.mark, box)


# --- the seal --------------------------------------------------------------------------------------------------------
@pytest.fixture
def with_seal(tmp_path) -> SigningSettings:
    seal = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(seal).ellipse((10, 10, 290, 290), outline=(210, 20, 30, 255), width=16)
    seal.save(tmp_path / "seal.png")
    products = {product: product is Product.REGISTER_COPY for product in Product}
    return SigningSettings(seal_image=products, seal_file=tmp_path / "seal.png")


def test_the_seal_is_shown_for_the_product_that_wants_it(with_seal):
    done = prepared(product=Product.REGISTER_COPY, settings=with_seal)
    data, _ = sign_all(done, Product.REGISTER_COPY, with_seal)
    part = without_fringes(cut(shown(data), place(done, Role.AGENCY).box))
    red = (part[..., 0] > 150) & (part[..., 1] < 90) & (part[..., 2] < 90)
    assert red.any()
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    across = (columns[-1] - columns[0]) / SCALE * 25.4 / 72
    assert 32 < across < 36 and abs(np.ptp(rows) - np.ptp(columns)) < 4  # true size, round
    assert check_pdfa2b(data) == []


def test_no_seal_on_a_true_copy(with_seal):
    assert looks_of(request(Role.AGENCY, product=Product.TRUE_COPY), CAPTURED, with_seal, True).seal is None
    assert (
        looks_of(request(Role.SCANNER, product=Product.REGISTER_COPY), CAPTURED, with_seal, True).seal is None
    )


def test_a_seal_that_is_missing_is_said():
    settings = SigningSettings(seal_image=dict.fromkeys(Product, True))
    with pytest.raises(BadSettings):
        looks_of(request(Role.AGENCY), CAPTURED, settings, False)


def test_a_seal_that_is_no_picture(with_seal):
    with_seal.seal_file.write_bytes(b"no picture")
    done = prepared(product=Product.REGISTER_COPY, settings=with_seal)
    with pytest.raises(BadSettings):
        sign_all(done, Product.REGISTER_COPY, with_seal)


# --- font, lines, frames ---------------------------------------------------------------------------------------------
def test_every_vietnamese_letter_has_its_own_picture():
    font = face()
    assert set(VIETNAMESE) <= set(LETTERS) and len(VIETNAMESE) == 134
    assert len({font.glyphs[letter] for letter in VIETNAMESE}) == len(VIETNAMESE)
    assert 0 not in {font.glyphs[letter] for letter in VIETNAMESE}
    assert font.known("Tr\u00e2\u0300n") == "Trần"
    assert font.known("漢") == "?"


def test_a_font_without_vietnamese_letters_is_refused(tmp_path):
    whole = next(path for path in _font_files() if path.endswith("LiberationSerif-Regular.ttf"))
    cutter, font = subset.Subsetter(), TTFont(whole)
    cutter.populate(unicodes=range(0x20, 0x180))  # what Liberation 1 had
    cutter.subset(font)
    font.save(tmp_path / "old.ttf")
    with pytest.raises(MissingProgram):
        face(str(tmp_path / "old.ttf"))


def _font_files() -> list[str]:
    return [str(path) for path in _candidates()]


def test_fonts_are_embedded_and_text_can_be_copied():
    _, data, _ = usual()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        fonts = [
            annotation.AP.N.Resources.Font["/F"]
            for annotation in pdf.pages[0].Annots
            if "/Font" in annotation.AP.N.Resources
        ]
        assert len(fonts) == 2
        for font in fonts:
            assert "/FontFile2" in font.DescendantFonts[0].FontDescriptor
            assert "/ToUnicode" in font
        assert fonts[0].objgen == fonts[1].objgen  # put in once, before the first signature


def test_long_names_are_wrapped():
    name = "Trung tâm Phục vụ hành chính công phường Nguyễn Thị Minh Khai thuộc thành phố Hồ Chí Minh"
    lines = wrapped(name, 230, 10)
    assert len(lines) > 1 and " ".join(lines) == name
    assert all(face().width(line, 10) <= 230 for line in lines)


def test_a_time_without_offset_is_refused():
    with pytest.raises(ValueError):
        clock(CAPTURED.replace(tzinfo=None))
    assert CAPTURED.astimezone(VIETNAM).utcoffset().total_seconds() == 25200


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_frames_agree_with_a_reader(turn):
    """A dot drawn where the frame says shows where it was asked for."""
    frame = PageFrame(20, 30, 320, 430, turn)
    width, height = frame.size
    left, bottom, right, top = frame.to_user((10, 20, 30, 40))
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(300, 400))
        page.MediaBox, page.Rotate = [20, 30, 320, 430], turn
        page.Contents = pdf.make_stream(f"0 g {left} {bottom} {right - left} {top - bottom} re f".encode())
        out = io.BytesIO()
        pdf.save(out)
    picture = shown(out.getvalue(), scale=1.0)
    assert picture.shape[:2] == (height, width)
    rows, columns = np.nonzero(ink(picture))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx(
        (10, 20, 30, 40), abs=1
    )
