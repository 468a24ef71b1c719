"""Reads who signed: authority (TM., KT., TL., TUQ., Q.), position and name under the last article or above the seal.

NĐ 30/2020 Phụ lục I: the block stands in the right half below the text. Copies carry a second signer below (sao y,
chứng thực bản sao): what stands below their heading is not part of the paper. The seal covers the first letters of the
name, so a name is proposed even when its beginning is damaged, and left to a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from ocr import agencies
from ocr.fields.evidence import Found, clean_edges, is_handwritten
from ocr.fields.rows import Row, Sheet, Token, bounds, capital_share
from ocr.fields.syllables import is_syllable
from ocr.forms import Form
from ocr.normalise import (
    COMMON_SURNAMES,
    SURNAMES,
    fold,
    key,
    looks_like_name,
    nfc,
    repair_surname,
    similarity,
    tidy,
    title_name,
)

POSITIONS = (
    "CHỦ TỊCH", "PHÓ CHỦ TỊCH", "GIÁM ĐỐC", "PHÓ GIÁM ĐỐC", "TRƯỞNG PHÒNG", "PHÓ TRƯỞNG PHÒNG", "CHÁNH VĂN PHÒNG",
    "PHÓ CHÁNH VĂN PHÒNG", "HIỆU TRƯỞNG", "PHÓ HIỆU TRƯỞNG", "BỘ TRƯỞNG", "THỨ TRƯỞNG", "THỦ TƯỚNG", "PHÓ THỦ TƯỚNG",
    "CỤC TRƯỞNG", "PHÓ CỤC TRƯỞNG", "CHI CỤC TRƯỞNG", "PHÓ CHI CỤC TRƯỞNG", "TỔNG CỤC TRƯỞNG", "PHÓ TỔNG CỤC TRƯỞNG",
    "VỤ TRƯỞNG", "PHÓ VỤ TRƯỞNG", "CHÁNH THANH TRA", "PHÓ CHÁNH THANH TRA", "TRƯỞNG BAN", "PHÓ TRƯỞNG BAN", "VIỆN TRƯỞNG",
    "PHÓ VIỆN TRƯỞNG", "TỔNG GIÁM ĐỐC", "PHÓ TỔNG GIÁM ĐỐC", "CHÁNH ÁN", "PHÓ CHÁNH ÁN", "BÍ THƯ", "PHÓ BÍ THƯ",
    "TRƯỞNG CÔNG AN", "PHÓ TRƯỞNG CÔNG AN", "TỔNG BIÊN TẬP", "CHỦ NHIỆM", "PHÓ CHỦ NHIỆM", "TỔNG THANH TRA", "TRƯỞNG ĐOÀN",
    "TRƯỞNG KHOA", "TRƯỞNG TRẠM", "ĐỘI TRƯỞNG", "PHÓ ĐỘI TRƯỞNG", "CHI CỤC PHÓ", "CỤC PHÓ", "TRƯỞNG THUẾ", "PHÓ TRƯỞNG THUẾ",
    "CÔNG CHỨC TƯ PHÁP - HỘ TỊCH", "PHÓ CHỦ TỊCH THƯỜNG TRỰC", "CHỦ TỊCH NƯỚC", "CHỦ TỊCH QUỐC HỘI",
    "TỔNG KIỂM TOÁN NHÀ NƯỚC", "THỐNG ĐỐC", "PHÓ THỐNG ĐỐC", "TƯ LỆNH", "CHỈ HUY TRƯỞNG", "CHÍNH ỦY", "KẾ TOÁN TRƯỞNG",
    "ỦY VIÊN", "TRƯỞNG BAN QUẢN LÝ", "HẠT TRƯỞNG", "CHÁNH VĂN PHÒNG ỦY BAN",
)  # fmt: skip
_POSITION_KEYS = tuple((key(p), p) for p in POSITIONS)
_AUTHORITY = re.compile(r"^\W*(TM|KT|TL|TUQ|Q|T\.M|K\.T|T\.L)\s?[.,:]+\s?(.*)$", re.IGNORECASE)
_COPY_BLOCK = re.compile(
    r"^\W*(?:chung thuc ban sao|sao y\b|sao y ban chinh|sao luc|trich sao|so chung thuc|chung nhan ban sao|nguoi thuc hien chung thuc)"
)
_NOT_NAMES = re.compile(r"noi nhan|nhu dieu|luu\s*:|ky, ghi ro|ghi ro ho|da ky|dong dau|kinh gui")


@dataclass(slots=True)
class _Block:
    """Rows of the signer's side on one page: authority lines, position, first row after them."""

    authority: list[tuple[str, list[Token]]]
    position: str | None
    position_tokens: list[Token]
    position_score: float
    end: float
    column: tuple[float, float]
    inferred: bool = False
    damaged: bool = False
    """Something that is no letter stands right before the position."""


def _centred_on(name: Found, block: _Block) -> bool:
    """True when name and position are centred on one another: neither lost its beginning."""
    place, below = bounds(t.box for t in block.position_tokens), bounds(t.box for t in name.tokens)
    return abs(place[0] + place[2] - below[0] - below[2]) / 2 < 1.6 * name.tokens[0].height


def _under_authority(block: _Block, sheet: Sheet) -> bool:
    """True when the position stands right under its authority line and is centred on it."""
    if not block.authority or block.inferred:
        return False
    above, place = (bounds(t.box for t in tokens) for tokens in (block.authority[-1][1], block.position_tokens))
    beside = abs(above[0] + above[2] - place[0] - place[2]) / 2
    return beside < 0.5 * sheet.line_height and place[1] - above[3] < sheet.line_height


def read_signer(sheets: list[Sheet], form: Form | None) -> dict[str, Found]:
    """quyen_han_ky, chuc_vu and nguoi_ky of a document, from its last page that bears a signer."""
    named = [key(line) for line in form.named_signer_line] if form else []
    for sheet in reversed(sheets):
        rows = _before_copy_block(sheet)
        found = _signer_on(sheet, rows, named)
        if found:
            return found
    for sheet in reversed(sheets):
        rows = _before_copy_block(sheet)
        name = _name_alone(sheet, [s for row in rows for s in _right_parts(row, 0.42 * sheet.reading.width)])
        if name:
            return {"nguoi_ky": name}
    return {}


def _before_copy_block(sheet: Sheet) -> list[Row]:
    rows = []
    for row in sheet.rows:
        below = sheet.reading.page > 1 or row.top > 0.25 * sheet.reading.height
        if below and any(_COPY_BLOCK.match(fold(s.text)) for s in row.segments()):
            break
        rows.append(row)
    return rows


def _signer_on(sheet: Sheet, rows: list[Row], named: list[str]) -> dict[str, Found]:
    middle = 0.42 * sheet.reading.width
    pieces = [s for row in rows for s in _right_parts(row, middle)]
    start = _find_start(sheet, pieces, named)
    if start is None:
        return {}
    block = _read_block(sheet, pieces, start)
    found: dict[str, Found] = {}
    if block.authority:
        lines = [_known_authority(label) for label, _ in block.authority]
        tokens = [t for _, part in block.authority for t in part]
        found["quyen_han_ky"] = Found(
            " ".join(line for line, _ in lines),
            " ".join(t.text for t in tokens),
            tokens,
            "authority",
            certainty=min(sure for _, sure in lines),
            valid=all(len(key(line)) > 4 for line, _ in lines),
        )
    if block.position:
        found["chuc_vu"] = Found(
            block.position, " ".join(t.text for t in block.position_tokens), block.position_tokens, "position",
            label=block.position_score, valid=block.position_score >= 0.88 or block.inferred,
            certainty=0.5 if block.inferred else block.position_score,
            agreed=int(bool(block.authority) and block.position == _deputy_title(block.authority[-1][0][4:])),
            source="rule" if block.inferred else "ocr",
        )  # fmt: skip
    name = _read_name(sheet, pieces, block)
    if name:
        found["nguoi_ky"] = name
    doubtful = block.damaged or not (_centred_on(name, block) if name and name.valid else _under_authority(block, sheet))
    if block.position and not block.inferred:
        printed = key("".join(t.text for t in block.position_tokens))
        doubtful = doubtful or (printed.endswith(key(block.position)) and printed != key(block.position))
    if (position := found.get("chuc_vu")) and not position.agreed and doubtful:
        # what stands in front of the position (KT., PHÓ, Q.) or a line of the block may lie unread under the seal
        position.certainty = min(position.certainty, 0.4)
    if agency := _agency_above(sheet, pieces, start):
        found["co_quan_ban_hanh"] = agency
    return found


def _agency_above(sheet: Sheet, pieces: list[Row], start: int) -> Found | None:
    """The agency printed above its signer, on certificates whose heading names none."""
    lines: list[Row] = []
    for piece in reversed(pieces[max(0, start - 3) : start]):
        if (
            capital_share(piece.text) < 0.85
            or (lines or [pieces[start]])[0].top - piece.bottom > 1.5 * sheet.line_height
        ):
            break
        lines.insert(0, piece)
        if agencies.head_of(piece.text):
            agency = agencies.from_lines([line.text for line in lines])
            tokens = [t for line in lines for t in line.tokens]
            if agency:
                return Found(
                    agency.name,
                    " ".join(t.text for t in tokens),
                    tokens,
                    "agency",
                    label=0.8,
                    certainty=agency.certainty,
                )
    return None


def _right_parts(row: Row, middle: float) -> list[Row]:
    """Segments on the right side of a row; words of a receiver list left of the middle are left out."""
    parts = []
    for segment in row.segments():
        box = segment.box
        if (box[0] + box[2]) / 2 > middle and box[0] > 0.55 * middle:
            parts.append(segment)
        elif box[2] > 1.2 * middle:
            right = segment.between(middle, 1e9)
            if right is not None and len(right.tokens) < len(segment.tokens):
                parts.append(right)
    return parts


def _position_of(text: str, least: float = 0.8) -> tuple[str, float] | None:
    wanted = key(text)
    if not 4 <= len(wanted) <= 40:
        return None
    scored = max((Levenshtein.normalized_similarity(k, wanted), p) for k, p in _POSITION_KEYS)
    if scored[0] >= least:
        return scored[1], scored[0]
    extended = [
        (k, p) for k, p in _POSITION_KEYS if len(k) >= 7 and len(wanted) > len(k) + 1
        and Levenshtein.normalized_similarity(k, wanted[: len(k)]) >= 0.9 and capital_share(text) > 0.8
    ]  # fmt: skip
    if extended and len(text.split()) <= 9:
        return tidy(text).upper(), 0.8
    return None


def _wrapped(position: str, text: str) -> str | None:
    """A longer position of the list that goes on in the next line (`CÔNG CHỨC TƯ PHÁP - HỘ` / `TỊCH`)."""
    wanted = key(f"{position}{text}")
    near = [p for k, p in _POSITION_KEYS if len(p) > len(position) and similarity(k, wanted) >= 0.9]
    return near[0] if near else None


def _authority_of(text: str) -> tuple[str, str] | None:
    match = _AUTHORITY.match(nfc(text))
    if not match:
        return None
    return match.group(1).replace(".", "").upper(), tidy(match.group(2))


def _find_start(sheet: Sheet, pieces: list[Row], named: list[str]) -> int | None:
    """First piece of the signer's block: the earliest authority or position line of the last run of such lines."""
    marks: list[int] = []
    for index, piece in enumerate(pieces):
        if sheet.reading.page == 1 and piece.top < 0.2 * sheet.reading.height:
            continue
        text = piece.text
        if _authority_of(text) and capital_share(text) > 0.6:
            marks.append(index)
        elif (
            capital_share(text) > 0.75
            and _position_of(_trim(text), 0.84)
            and piece.box[0] > 0.3 * sheet.reading.width
        ):
            marks.append(index)
        elif any(similarity(name, piece.key) >= 0.8 for name in named) and capital_share(text) > 0.6:
            marks.append(index)
    if not marks:
        return None
    first = marks[-1]
    for mark in reversed(marks[:-1]):
        if pieces[first].top - pieces[mark].bottom < 6 * sheet.line_height:
            first = mark
        else:
            break
    return first


def _trim(text: str) -> str:
    return re.sub(r"^[^A-ZĐÀ-Ỹ]+|[^A-ZĐÀ-Ỹ]+$", "", nfc(text))


def _read_block(sheet: Sheet, pieces: list[Row], start: int) -> _Block:
    authority: list[tuple[str, list[Token]]] = []
    position, position_tokens, position_score = None, [], 0.0
    end, column = pieces[start].bottom, (pieces[start].box[0], pieces[start].box[2])
    deputised = inferred = damaged = False
    for piece in pieces[start : start + 9]:
        text = _trim(piece.text)
        if piece.top - end > 3.2 * sheet.line_height:
            break
        signed = _authority_of(piece.text)
        place = _position_of(text)
        if signed and signed[0] == "Q" and _position_of(signed[1]):
            position, position_score, position_tokens = f"Q. {_position_of(signed[1])[0]}", 0.95, piece.tokens
        elif signed and not (position and deputised):
            label, rest = signed
            known = _position_of(rest)
            wording = known[0] if known else tidy(rest).upper()
            authority.append((f"{label}. {wording}", piece.tokens))
            deputised = label != "TM"
            position = None
        elif place and capital_share(text) > 0.6:
            position, position_score = place
            position_tokens = piece.tokens
            damaged = not piece.tokens[0].key
            if deputised and f"KT. {position}" == authority[-1][0]:
                position, inferred = _deputy_title(position), True  # the first word lies under the seal
        elif deputised and position is None and (guess := _deputy(authority[-1][0], text)):
            position, position_score, position_tokens = guess[0], guess[1], piece.tokens
        elif position is not None and looks_like_name(text):
            break
        elif (
            position is None
            and authority
            and authority[-1][0].startswith("TM. ")
            and _runs_on(authority[-1][0], text)
        ):
            label, tokens = authority[-1]
            authority[-1] = (f"{label} {tidy(text).upper()}", [*tokens, *piece.tokens])
        elif position is not None and (longer := _wrapped(position, text)):
            position, position_tokens = longer, [*position_tokens, *piece.tokens]
        else:
            if position is not None and piece.top - end > 1.2 * sheet.line_height:
                break
            continue
        end = piece.bottom
        column = (min(column[0], piece.box[0]), max(column[1], piece.box[2]))
    if position is None and authority:
        last = authority[-1][0]
        if last.startswith("KT. "):
            position, inferred = _deputy_title(last[4:]), True
        elif last.startswith("TM. "):
            position, inferred = _head_title(last[4:]), True
        position_tokens, position_score = authority[-1][1], 0.4
    if position is None and not authority:
        position_tokens = pieces[start].tokens
    return _Block(authority, position, position_tokens, position_score, end, column, inferred, damaged)


def _runs_on(authority: str, text: str) -> bool:
    """True when a committee's name goes on in the next line (`TM. THƯỜNG TRỰC HỘI ĐỒNG` / `NHÂN DÂN`)."""
    return (
        capital_share(text) > 0.8
        and key(authority).endswith(("hoidong", "uyban", "uybannhan", "thuongtruc"))
        and len(text) < 40
    )


BODIES = (
    "ỦY BAN NHÂN DÂN", "HỘI ĐỒNG NHÂN DÂN", "THƯỜNG TRỰC HỘI ĐỒNG NHÂN DÂN", "CHÍNH PHỦ", "BAN THƯỜNG VỤ", "BAN CHẤP HÀNH",
    "ĐẢNG ỦY", "ỦY BAN", "HỘI ĐỒNG", "BAN CHỈ ĐẠO", "ỦY BAN MẶT TRẬN TỔ QUỐC VIỆT NAM", "ỦY BAN THƯỜNG VỤ QUỐC HỘI", "BAN THƯỜNG TRỰC",
)  # fmt: skip
"""Bodies in whose name (TM.) is signed."""


def _known_authority(line: str) -> tuple[str, float]:
    """An authority line read against the bodies and titles there are, and how sure it is."""
    label, _, rest = line.partition(". ")
    if _position_of(rest, 0.99):
        return line, 1.0
    near = max((similarity(key(body), key(rest)), body) for body in BODIES)
    if near[0] >= 0.8:
        return f"{label}. {near[1]}", 1.0 if key(near[1]) == key(rest) else 0.7
    return line, 0.6 if not _position_of(rest) else 0.8


def _deputy_title(head: str) -> str | None:
    if head.startswith("BỘ TRƯỞNG"):
        return "THỨ TRƯỞNG"
    return f"PHÓ {head}" if _position_of(head) else None


def _head_title(body: str) -> str | None:
    return "CHỦ TỊCH" if body.startswith(("ỦY BAN", "UBND", "HỘI ĐỒNG", "HĐND")) else None


def _deputy(authority: str, text: str) -> tuple[str, float] | None:
    """Under `KT. X` stands `PHÓ X`: damaged letters are read against that one title."""
    if not authority.startswith("KT. "):
        return None
    title = _deputy_title(authority[4:])
    if title is None:
        return None
    score = similarity(key(title), key(text))
    return (title, score) if score >= 0.5 else None


def _name_alone(sheet: Sheet, pieces: list[Row]) -> Found | None:
    """A name standing alone in the right half below the text, where authority and position could not be read."""
    for piece in reversed(pieces):
        box = piece.box
        if box[0] < 0.45 * sheet.reading.width or not 0.1 * sheet.reading.height < box[1]:
            continue
        if (
            piece.text.lstrip().startswith("-")
            or capital_share(piece.text) > 0.9
            or not 2 <= len(clean_edges(piece.tokens)) <= 6
        ):
            continue
        for tokens in _name_runs(piece):
            name, repaired = _plausible(tokens)
            if name and looks_like_name(name) and capital_share(name) < 0.7:
                text = " ".join(t.text for t in tokens)
                return Found(name, text, tokens, "name", label=0.4, certainty=0.4 if repaired else 0.7)
    return None


def _read_name(sheet: Sheet, pieces: list[Row], block: _Block) -> Found | None:
    """The best name-like line below the position, in its column. A name not centred under the position may have lost a
    word, and is less certain."""
    best: tuple[float, str, list[Token], bool, bool] | None = None
    left, right = block.column
    centre = (left + right) / 2
    for piece in pieces:
        if piece.top < block.end - 0.4 * sheet.line_height or piece.top > block.end + 14 * sheet.line_height:
            continue
        if _NOT_NAMES.search(fold(piece.text)):
            continue
        for tokens in _name_runs(piece):
            name, repaired = _plausible(tokens)
            if name is None:
                continue
            box = (tokens[0].box[0] + tokens[-1].box[2]) / 2
            score = 1.0 if looks_like_name(name) else 0.4
            score -= 0.25 * repaired
            score += 0.4 * (sum(t.confidence for t in tokens) / len(tokens))
            score -= abs(box - centre) / sheet.reading.width * 2.0
            score += 0.05 * min(4, len(name.split()))
            score += 0.02 * (piece.top - block.end) / sheet.line_height
            shifted = abs(box - centre) > 1.3 * sheet.line_height
            if best is None or score > best[0]:
                best = (score, name, tokens, repaired, shifted)
    if best is None or best[0] < 0.35:
        return None
    score, name, tokens, repaired, shifted = best
    return Found(
        name, " ".join(t.text for t in tokens), tokens, "name", label=min(1.0, score / 1.5),
        valid=looks_like_name(name), certainty=0.5 if repaired else 0.45 if shifted else 1.0,
        handwritten=is_handwritten(tokens),
    )  # fmt: skip


_HONOURS = re.compile(
    r"^(?:TS|ThS|PGS|GS|BS|KS|CN|LS|Ths|Ts|TSKH|CVC|CVCC|Thạc sĩ|Tiến sĩ|Đại tá|Thượng tá|Trung tá|Thiếu tá|Đại úy)[.:,]*$"
)


def _name_runs(piece: Row) -> list[list[Token]]:
    """Runs of tokens that could be syllables of a name: letters, starting with a capital. A damaged first syllable (low
    confidence, the seal lies on it) may look like anything."""
    runs: list[list[Token]] = [[]]
    for token in clean_edges(piece.tokens):
        letters = sum(c.isalpha() for c in token.text)
        if letters == 0:
            continue
        if _HONOURS.match(token.text.strip()):
            runs.append([])
            continue
        bare = re.sub(r"^[\W\d_]+|[\W_]+$", "", token.text)
        capital = bare[:1].isupper()
        if letters > 8 or (not capital and not (not runs[-1] and token.confidence < 0.95 and letters > 1)):
            runs.append([])
            continue
        runs[-1].append(token)
    return [run for run in runs if 1 < len(run) <= 7]


def _plausible(tokens: list[Token]) -> tuple[str | None, bool]:
    """A name made of the words, and whether its first syllable had to be repaired from damaged letters."""
    kept = [(re.sub(r"[\d_⁄/\\|\W]+", "", t.text.replace("'", "ʼ")).replace("ʼ", "'"), t) for t in tokens]
    kept = [(word, t) for word, t in kept if any(c.isalpha() for c in word)]
    while (
        len(kept) > 2
        and kept[0][1].confidence < 0.3
        and key(kept[1][0]) in SURNAMES
        and is_syllable(kept[1][0])
    ):
        kept.pop(0)  # strokes of the signature in front of a whole name
    words = [word for word, _ in kept]
    if not 2 <= len(words) <= 6 or any(len(w) > 8 for w in words) or _position_of(" ".join(words)):
        return None, False
    name, certainty = repair_surname(title_name(" ".join(words)))
    if key(words[0]) in SURNAMES and is_syllable(words[0]) and words[0][:1].isupper():
        return name, certainty < 1.0
    surname = _nearest_surname(words[0])
    damaged = kept[0][1].confidence < 0.9 or not is_syllable(words[0]) or words[0][:1].islower()
    if surname and damaged:
        return title_name(" ".join([surname, *words[1:]])), True
    return title_name(" ".join(words)), True


def _nearest_surname(word: str) -> str | None:
    """The surname nearest to damaged letters; common ones are preferred, their last letters count most."""
    wanted = nfc(word).lower().replace("ø", "o")
    scored = sorted(
        (
            (max(Levenshtein.normalized_similarity(wanted, s.lower()),
                 0.95 * Levenshtein.normalized_similarity(key(wanted), key(s)),
                 0.97 * _tail(wanted, s.lower())) - 0.001 * rank, s)
            for rank, s in enumerate(COMMON_SURNAMES)
        ),
        reverse=True,
    )  # fmt: skip
    return scored[0][1] if scored[0][0] >= 0.6 else None


def _tail(word: str, surname: str) -> float:
    """Share of a surname kept when its first letters are lost: `hạm` of `phạm`."""
    return len(word) / len(surname) if len(word) >= 2 and surname.endswith(word) else 0.0
