"""Made training material for the handwriting models: strips of paper with printed and hand-written words on one row.

Everything is drawn here: printed words from installed fonts, writing from ``samples.ink`` (pen paths) and from
handwriting fonts (only while training; they are not part of the project), dirt from arithmetic. No scan, no data set.
A strip is one text row with what stands above and below it, as a scanner would see it, and knows where each character
is. ``train_digits`` cuts entries out of it, ``train_ink`` its words.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from train_texts import plan, words

from samples.ink import Hand, write

HELD_OUT_HANDS = {"pangolin", "charm", "indie-flower", "kalam", "nothing-you-could-do"}
HELD_OUT_PRINTS = {"notoserifdisplay", "carlito", "lora", "roboto-slab", "dejavusanscondensed"}
# handwriting-like npm packages; every other package in the folder is taken for a print font
HANDS = set(
    "amatic-sc architects-daughter bad-script caveat cedarville-cursive charm coming-soon covered-by-your-grace "
    "dancing-script gaegu gloria-hallelujah grape-nuts handlee homemade-apple indie-flower itim just-another-hand kalam "
    "la-belle-aurore mali mansalva nanum-pen-script nothing-you-could-do over-the-rainbow pangolin patrick-hand "
    "reenie-beanie shadows-into-light sriracha sue-ellen-francisco".split()
)


class Face:
    """One typeface from one or several files (a web font is split by alphabet), drawn character by character."""

    def __init__(self, name: str, files: list[Path]):
        self.name = name
        self.files = files
        self._fonts: dict[tuple[int, int], ImageFont.FreeTypeFont] = {}
        self._where: dict[str, int | None] = {}
        self.vietnamese = all(self._index(c) is not None for c in "ốữĐệ")

    def _font(self, index: int, size: int) -> ImageFont.FreeTypeFont:
        if (index, size) not in self._fonts:
            self._fonts[index, size] = ImageFont.truetype(str(self.files[index]), size)
        return self._fonts[index, size]

    def _index(self, char: str) -> int | None:
        if char not in self._where:
            self._where[char] = None
            for index in range(len(self.files)):
                font = self._font(index, 40)
                if char == " " or bytes(font.getmask(char)) != bytes(font.getmask("\uffff")):
                    self._where[char] = index
                    break
        return self._where[char]

    def draw(
        self, text: str, size: int, rng: random.Random, shake: float = 0.0
    ) -> tuple[np.ndarray, int, list[tuple[str, float, float]]] | None:
        """Ink mask (h, w) uint8, row of the baseline in it, (char, left, right) in it; None if a letter is missing."""
        if not self.vietnamese:
            text = plain(text)
        indices = [self._index(c) for c in text]
        if any(i is None for i in indices):
            return None
        width = (
            int(sum(self._font(i, size).getlength(c) for c, i in zip(text, indices, strict=True))) + 3 * size
        )
        image = Image.new("L", (width, int(3.2 * size)), 0)
        pen = ImageDraw.Draw(image)
        x, base, spans = float(size), 2.0 * size, []
        for char, index in zip(text, indices, strict=True):
            font = (
                self._font(index, max(6, int(size * (1 + rng.gauss(0, shake)))))
                if shake
                else self._font(index, size)
            )
            step = font.getlength(char)
            y = base + rng.gauss(0, shake) * size * 0.6
            pen.text((x, y), char, font=font, fill=255, anchor="ls")
            spans.append((char, x, x + step))
            x += step + rng.gauss(0, shake) * size * 0.4
        mask = np.asarray(image)
        cols = np.flatnonzero(mask.max(axis=0))
        rows = np.flatnonzero(mask.max(axis=1))
        if not len(cols):
            return None
        top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
        spans = [(c, a - left, b - left) for c, a, b in spans]
        return mask[top:bottom, left:right].copy(), int(base) - int(top), spans


def plain(text: str) -> str:
    """Without accents, for typefaces that have none."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("đ", "d").replace("Đ", "D")


def load_faces(fonts: Path) -> tuple[dict[str, Face], dict[str, Face]]:
    """(handwriting faces, print faces) from a folder of npm ``@fontsource`` packages and from the system's fonts."""
    hands: dict[str, Face] = {}
    prints: dict[str, Face] = {}
    for package in sorted(fonts.glob("*")):
        name = package.name
        styles: dict[str, list[Path]] = {}
        for file in sorted((package / "files").glob("*.woff")):
            script, weight, slant = file.stem.removeprefix(name + "-").rsplit("-", 2)
            if script in ("latin", "vietnamese", "latin-ext") and weight in ("400", "700"):
                styles.setdefault(f"{name}-{weight}-{slant}", []).append(file)
        for style, files in styles.items():
            (hands if name in HANDS else prints)[style] = Face(
                style, sorted(files, key=lambda f: "-latin-" not in f.name)
            )
    wanted = (
        "liberation",
        "noto/NotoSans-",
        "noto/NotoSerif",
        "noto/NotoSansMono",
        "dejavu/DejaVuS",
        "croscore",
        "Carlito",
    )
    for file in sorted(Path("/usr/share/fonts").rglob("*.ttf")):
        if not any(part in str(file) for part in wanted):
            continue
        latin = ("Serif", "Serif-", "SerifDisplay-")
        if "NotoSerif" in file.name and not file.name.startswith(tuple(f"Noto{s}" for s in latin[1:])):
            continue
        face = Face(file.stem.lower(), [file])
        if face.vietnamese:
            prints[face.name] = face
    return hands, prints


def split_faces(faces: dict[str, Face], held_out: set[str]) -> tuple[list[Face], list[Face]]:
    """(faces to learn from, faces kept for measuring), by whole families."""
    kept = [
        f
        for n, f in faces.items()
        if any(n.replace("-", "").startswith(h.replace("-", "")) for h in held_out)
    ]
    return [f for f in faces.values() if f not in kept], kept


@dataclass
class Piece:
    """One word: text as drawn, box (left, top, right, bottom) of its ink, by hand or not, spans of its characters."""

    text: str
    box: tuple[float, float, float, float]
    hand: bool
    spans: list[tuple[str, float, float]]
    entry: bool = False


@dataclass
class Strip:
    image: np.ndarray
    """(h, w, 3) uint8 RGB."""
    pieces: list[Piece]
    size: float
    """Printed letter size (em), pixels."""
    base: float
    """Row of the baseline."""


@dataclass
class Maker:
    """Draws strips with the given faces. ``pen_share`` of the digits, ``pen_letters`` of the letters written by hand come
    from pen paths instead of fonts."""

    hands: list[Face]
    prints: list[Face]
    rng: random.Random
    pen_share: float = 0.6
    pen_letters: float = 0.0
    _noise: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._noise = np.random.default_rng(self.rng.getrandbits(32))
        serif = ("liberationserif", "tinos", "notoserif-", "dejavuserif", "oldstandard")
        self._weights = [6.0 if f.name.startswith(serif[:2]) else 1.0 for f in self.prints]

    # --- how it is drawn -------------------------------------------------------------------------------------------
    def _written(self, text: str, digits: bool, size: int, hand: Hand, face: Face, shake: float):
        """Mask, baseline, spans of a hand-written text; digits come from pen paths or from the face."""
        r = self.rng
        pen = " " not in text and r.random() < (self.pen_share if digits else 0.85 * (self.pen_letters > 0))
        if pen:
            picture, base = write(text, size * r.uniform(0.62, 1.05), r, (0, 0, 0), hand)
            mask = np.asarray(picture)[..., 3].copy()
            spans = [
                (c, i * mask.shape[1] / len(text), (i + 1) * mask.shape[1] / len(text))
                for i, c in enumerate(text)
            ]
        else:
            drawn = face.draw(text, max(8, int(size * r.uniform(0.9, 1.5))), r, shake)
            if drawn is None:
                return None
            mask, base, spans = drawn
        mask, spans = self._slant(mask, base, spans, 0.02 if pen else 0.08, 0.12 if pen else 0.17)
        if r.random() < (0.3 if pen else 0.4):
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (r.choice([2, 2, 3, 4]),) * 2)
            mask = cv2.dilate(cv2.copyMakeBorder(mask, 2, 2, 2, 2, cv2.BORDER_CONSTANT), kernel)[2:-2, 2:-2]
        return self._wobble(mask), base, spans

    def _slant(self, mask: np.ndarray, base: int, spans, mean: float, spread: float):
        lean = self.rng.gauss(mean, spread)
        height, width = mask.shape
        shift = lean * height
        extra = int(abs(shift)) + 1
        matrix = np.array([[1, -lean, lean * base + extra], [0, 1, 0]], np.float32)
        out = cv2.warpAffine(mask, matrix, (width + 2 * extra, height))
        cols = np.flatnonzero(out.max(axis=0))
        left = int(cols[0])
        return out[:, left : cols[-1] + 1], [(c, a + extra - left, b + extra - left) for c, a, b in spans]

    def _wobble(self, mask: np.ndarray) -> np.ndarray:
        """Bend the strokes a little, each time differently, so that a font is no longer one fixed shape."""
        height, width = mask.shape
        if min(height, width) < 6 or self.rng.random() < 0.25:
            return mask
        amount = self.rng.uniform(0.01, 0.055) * height
        cells = (max(2, height // 12), max(2, width // 12))
        flow = [
            cv2.resize(
                self._noise.normal(0, amount, cells).astype(np.float32),
                (width, height),
                interpolation=cv2.INTER_CUBIC,
            )
            for _ in range(2)
        ]
        ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
        return cv2.remap(mask, xs + flow[0], ys + flow[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def strip(self) -> Strip:
        """One made row of a page."""
        r = self.rng
        size = r.randint(26, 46)
        face = r.choices(self.prints, self._weights)[0]
        typed = face if r.random() < 0.7 else r.choices(self.prints, self._weights)[0]
        writer = r.choice(self.hands)
        hand, shake = Hand.pick(r), r.uniform(0.0, 0.05)
        hand_scale = r.uniform(0.85, 1.2)
        row = []
        row_plan = plan(r)
        if r.random() < self.pen_letters:
            row_plan = [
                (style, part)
                for style, text in row_plan
                for part in (text.split() if style == "hand" else [text])
            ]
        for style, text in row_plan:
            if style == "blank":
                continue
            by_hand = style in ("hand", "entry")
            drawn = None
            while drawn is None:
                if by_hand:
                    drawn = self._written(text, style == "entry", int(size * hand_scale), hand, writer, shake)
                    writer = writer if drawn is not None else r.choice(self.hands)
                else:
                    drawn = (typed if style == "typed" else face).draw(text, size, r)
                    if drawn is None:
                        face = typed = r.choice([f for f in self.prints if f.vietnamese])
            row.append((style, text, by_hand, *drawn))
        height, base = int(3.4 * size), int(2.0 * size) + r.randint(-2, 2)
        width = sum(m.shape[1] for *_, m, _, _ in row) + int(size * (3 + 3 * len(row)))
        page = self._paper(height, width)
        self._around(page, face, size, base)
        ink = self._inks()
        x, pieces = size * r.uniform(0.8, 1.6), []
        for style, text, by_hand, mask, drop, spans in row:
            y = base - drop + (int(r.gauss(-0.05, 0.09) * size) if by_hand else 0)
            self._put(page, mask, int(x), y, ink[by_hand])
            pieces += self._cut(text, mask, int(x), y, spans, by_hand, style in ("entry", "typed"))
            right = x + mask.shape[1]
            tight = r.random() < 0.25
            gap = (-0.05 if by_hand and tight else 0.02) if tight else 0.15
            x = right + size * (gap + abs(r.gauss(0, 0.25 if r.random() < 0.8 else 0.9)))
        self._furniture(page, row, size, base, pieces, ink[False])
        return self._scan(page, pieces, size, base)

    def _cut(self, text, mask, x, y, spans, by_hand, entry) -> list[Piece]:
        """Words of a drawn text with the boxes of their ink."""
        out, start = [], 0
        for word in text.split(" "):
            part = spans[start : start + len(word)]
            start += len(word) + 1
            if not part:
                continue
            left, right = max(0, int(part[0][1]) - 1), min(mask.shape[1], int(part[-1][2]) + 2)
            region = mask[:, left:right]
            cols, rows = np.flatnonzero(region.max(axis=0) > 60), np.flatnonzero(region.max(axis=1) > 60)
            if not len(cols):
                continue
            box = (x + left + cols[0], y + rows[0], x + left + cols[-1] + 1, y + rows[-1] + 1)
            out.append(Piece(word, box, by_hand, [(c, x + a, x + b) for c, a, b in part], entry))
        return out

    def _inks(self) -> dict[bool, tuple[int, int, int]]:
        r = self.rng
        dark = r.randint(0, 70)
        printed = (dark, dark, dark) if r.random() < 0.85 else tuple(r.randint(0, 150) for _ in range(3))
        pen = r.choices(
            [(28, 48, 152), (50, 70, 190), (24, 30, 78), (25, 25, 28), (90, 90, 100), (150, 30, 40)],
            [5, 4, 3, 5, 2, 0.4],
        )[0]
        written = tuple(max(0, min(255, c + r.randint(-18, 18))) for c in pen)
        return {False: printed, True: written}

    def _paper(self, height: int, width: int) -> np.ndarray:
        r = self.rng
        tone = np.array(
            r.choices(
                [(255, 255, 255), (250, 249, 245), (244, 232, 196), (225, 225, 222), (200, 198, 190)],
                [5, 4, 2, 2, 1],
            )[0],
            np.float32,
        )
        page = np.broadcast_to(tone, (height, width, 3)).copy()
        if r.random() < 0.5:
            page *= np.linspace(r.uniform(0.82, 1), r.uniform(0.82, 1), width, dtype=np.float32)[
                None, :, None
            ]
        return page

    def _put(
        self, page: np.ndarray, mask: np.ndarray, x: int, y: int, colour: tuple[int, int, int], weight=1.0
    ) -> None:
        height, width = mask.shape
        top, left = max(0, -y), max(0, -x)
        bottom, right = min(height, page.shape[0] - y), min(width, page.shape[1] - x)
        if top >= bottom or left >= right:
            return
        part = page[y + top : y + bottom, x + left : x + right]
        alpha = mask[top:bottom, left:right, None].astype(np.float32) / 255 * weight
        part *= 1 - alpha * (1 - np.array(colour, np.float32) / 255)

    def _around(self, page: np.ndarray, face: Face, size: int, base: int) -> None:
        """Rows above and below, show-through."""
        r = self.rng
        for offset, chance in ((-1.35, 0.35), (1.35, 0.35), (0.0, 0.1)):
            if r.random() < chance:
                drawn = (face if face.vietnamese else self.prints[0]).draw(words(r, 2, 8), size, r)
                if drawn is None:
                    continue
                mask, drop, _ = drawn
                through = offset == 0.0
                y = (
                    base
                    - drop
                    + int(offset * size * r.uniform(0.95, 1.2))
                    + (r.randint(-8, 8) if through else 0)
                )
                self._put(
                    page,
                    mask[:, ::-1] if through else mask,
                    r.randint(-40, page.shape[1] // 2),
                    y,
                    (20, 20, 20),
                    r.uniform(0.05, 0.18) if through else 1.0,
                )

    def _furniture(self, page: np.ndarray, row, size: int, base: int, pieces: list[Piece], colour) -> None:
        """Dot leaders or a rule below entries, strokes of a seal or a signature across."""
        r = self.rng
        written = [p for p in pieces if p.hand or p.entry]
        canvas = np.zeros(page.shape[:2], np.uint8)
        if written and r.random() < 0.4:
            left = int(min(p.box[0] for p in written) - size * r.uniform(0, 0.6))
            right = int(max(p.box[2] for p in written) + size * r.uniform(0, 1.5))
            y = base + int(size * r.uniform(-0.02, 0.12))
            if r.random() < 0.65:
                step = size * r.uniform(0.14, 0.3)
                for x in np.arange(left, right, step):
                    cv2.circle(
                        canvas,
                        (int(x * 8), int(y * 8)),
                        int(size * r.uniform(0.03, 0.045) * 8),
                        255,
                        -1,
                        cv2.LINE_AA,
                        3,
                    )
            else:
                cv2.line(
                    canvas, (left, y), (right, y + r.randint(-1, 1)), 255, r.choice([1, 1, 2]), cv2.LINE_AA
                )
        if r.random() < 0.12:
            x0 = r.randint(0, page.shape[1] - 40)
            cv2.line(
                canvas,
                (x0, base - int(1.5 * size)),
                (x0 + r.randint(20, 200), base - int(1.5 * size)),
                255,
                2,
            )
        if r.random() < 0.12:
            # rules of a table
            thick = r.choice([1, 2, 2, 3])
            for y in (base - int(size * r.uniform(1.0, 1.3)), base + int(size * r.uniform(0.35, 0.6))):
                cv2.line(canvas, (0, y), (page.shape[1], y), 255, thick)
            x0 = r.randint(0, int(size * 0.6))
            cv2.line(canvas, (x0, base - int(1.3 * size)), (x0, base + int(0.6 * size)), 255, thick)
        self._put(page, canvas, 0, 0, colour)
        if r.random() < 0.14:
            seal = np.zeros(page.shape[:2], np.uint8)
            centre = (r.randint(0, page.shape[1]), base + r.randint(-3, 3) * size)
            for radius in (size * 3.2, size * 3.0, size * 1.9):
                cv2.circle(seal, centre, int(radius), 255, max(1, size // 14), cv2.LINE_AA)
            text = (self.prints[0]).draw(words(r, 1, 3).upper(), int(size * 0.8), r)
            if text is not None:
                turned = Image.fromarray(text[0]).rotate(r.uniform(-60, 60), expand=True)
                self._put(
                    page,
                    np.asarray(turned),
                    centre[0] - turned.width // 2,
                    centre[1] - turned.height // 2,
                    (210, 40, 50),
                    0.8,
                )
            red = (r.randint(180, 230), r.randint(30, 90), r.randint(40, 90))
            self._put(page, seal, 0, 0, red, r.uniform(0.5, 1.0))

    # --- how it is scanned -----------------------------------------------------------------------------------------
    def _scan(self, page: np.ndarray, pieces: list[Piece], size: float, base: float) -> Strip:
        r, noise = self.rng, self._noise
        image = np.clip(page, 0, 255)
        scale = r.choices([1.0, r.uniform(0.5, 0.75), r.uniform(0.75, 1.3)], [4, 1, 4])[0]
        turn = r.gauss(0, 0.35)
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
        out_size = (int(width * scale), int(height * scale))
        matrix[0, 2] += out_size[0] / 2 - width / 2
        matrix[1, 2] += out_size[1] / 2 - height / 2
        edge = [float(v) for v in image[0, 0]]
        if scale < 0.8:
            image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale)
        image = cv2.warpAffine(image, matrix, out_size, flags=cv2.INTER_LINEAR, borderValue=edge)
        if r.random() < 0.6:
            image = cv2.GaussianBlur(image, (0, 0), r.uniform(0.3, 1.1) * min(1.0, scale))
        if r.random() < 0.4:
            contrast = r.uniform(0.45, 1.0)
            image = 255 - (255 - image) * contrast - r.uniform(0, 30)
        if r.random() < 0.6:
            image = image + noise.normal(0, r.uniform(1, 16), image.shape[:2])[..., None]
        mode = r.random()
        image = np.clip(image, 0, 255)
        if mode < 0.22:
            grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
            level = np.percentile(grey, 92) * r.uniform(0.55, 0.85)
            image = np.repeat(((grey > level) * 255.0)[..., None], 3, axis=2)
            if r.random() < 0.4:
                specks = noise.random(image.shape[:2]) < r.uniform(0.0005, 0.01)
                image[specks] = r.choice([0.0, 255.0])
        elif mode < 0.55:
            grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
            image = np.repeat(grey[..., None], 3, axis=2)
        image = image.astype(np.uint8)
        if r.random() < 0.6:
            ok, packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, r.randint(35, 92)])
            image = cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1]

        def moved(x: float, y: float) -> tuple[float, float]:
            return tuple(matrix @ (x, y, 1.0))

        placed = []
        for p in pieces:
            corners = np.array([moved(x, y) for x in (p.box[0], p.box[2]) for y in (p.box[1], p.box[3])])
            (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
            middle = (p.box[1] + p.box[3]) / 2
            spans = [(c, moved(a, middle)[0], moved(b, middle)[0]) for c, a, b in p.spans]
            placed.append(Piece(p.text, (left, top, right, bottom), p.hand, spans, p.entry))
        return Strip(np.ascontiguousarray(image), placed, size * scale, moved(width / 2, base)[1])
