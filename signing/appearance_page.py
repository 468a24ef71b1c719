"""Where a page's points are: boxes, turning, and the map from what a reader sees to what the file counts in."""

from __future__ import annotations

from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name

from schemas.page import Box

_MATRIX = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@dataclass(frozen=True)
class PageFrame:
    """The visible box of a page in user space and its /Rotate (clockwise degrees)."""

    left: float
    bottom: float
    right: float
    top: float
    turn: int

    @classmethod
    def of(cls, page: generic.DictionaryObject) -> PageFrame:
        """The crop box within the media box, both of which may be inherited and written in any order."""
        media = _box(_inherited(page, "/MediaBox"), (0, 0, 612, 792))
        crop = _box(_inherited(page, "/CropBox"), media)
        seen = (
            max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3])
        )  # fmt: skip
        turn = _inherited(page, "/Rotate")
        return cls(*(seen if seen[0] < seen[2] and seen[1] < seen[3] else media), int(turn or 0) % 360)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as shown."""
        width, height = self.right - self.left, self.top - self.bottom
        return (height, width) if self.turn in (90, 270) else (width, height)

    @property
    def matrix(self) -> tuple[float, float, float, float, float, float]:
        """Shown frame with its origin at the bottom left -> user space."""
        origin = {
            0: (self.left, self.bottom), 90: (self.right, self.bottom),
            180: (self.right, self.top), 270: (self.left, self.top),
        }[self.turn]  # fmt: skip
        return (*_MATRIX[self.turn], *origin)

    @property
    def form_matrix(self) -> generic.ArrayObject:
        """What makes an annotation's picture stand upright on the turned page."""
        return generic.ArrayObject([generic.NumberObject(value) for value in (*_MATRIX[self.turn], 0, 0)])

    def to_user(self, box: Box) -> Box:
        """A box of the shown frame (origin top left) in user space: left, bottom, right, top."""
        a, b, c, d, e, f = self.matrix
        height = self.size[1]
        corners = [
            (a * x + c * (height - y) + e, b * x + d * (height - y) + f)
            for x in (box[0], box[2])
            for y in (box[1], box[3])
        ]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return (min(xs), min(ys), max(xs), max(ys))

    def enlarged(self, above: float, below: float) -> PageFrame:
        """The page with bands above and below what is shown; the scan keeps its size and place in user space."""
        left, bottom, right, top = self.left, self.bottom, self.right, self.top
        if self.turn == 0:
            top, bottom = top + above, bottom - below
        elif self.turn == 90:
            left, right = left - above, right + below
        elif self.turn == 180:
            bottom, top = bottom - above, top + below
        else:
            right, left = right + above, left - below
        return PageFrame(left, bottom, right, top, self.turn)

    def write_to(self, page: generic.DictionaryObject) -> None:
        """Sets the page's boxes. The media box only grows; the crop box becomes what is shown."""
        media = _box(_inherited(page, "/MediaBox"), (0, 0, 612, 792))
        grown = (
            min(media[0], self.left), min(media[1], self.bottom), max(media[2], self.right), max(media[3], self.top)
        )  # fmt: skip
        page[pdf_name("/MediaBox")] = _array(grown)
        shown = (self.left, self.bottom, self.right, self.top)
        if grown != shown or "/CropBox" in page:
            page[pdf_name("/CropBox")] = _array(shown)


def entry(of: generic.DictionaryObject, key: str, default=None):
    """A value with references followed; `get` of pyHanko's dictionaries does not follow them."""
    return of[key] if key in of else default


def _inherited(page: generic.DictionaryObject, key: str):
    at = page
    for _ in range(64):  # a loop in a damaged page tree
        if key in at:
            return at[key]
        if "/Parent" not in at:
            return None
        at = at["/Parent"]
    return None


def _box(value, default: Box) -> Box:
    if value is None or len(value) != 4:
        return default
    x0, y0, x1, y1 = (float(side) for side in value)
    return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _array(box: Box) -> generic.ArrayObject:
    return generic.ArrayObject([generic.FloatObject(round(side, 3)) for side in box])
