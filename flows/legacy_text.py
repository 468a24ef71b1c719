"""Vietnamese in the encodings from before Unicode: TCVN3 (fonts .VnTime …) and VNI (fonts VNI-Times …).

Such text reaches us as Latin letters (`NguyÔn V¨n An`, `Nguyeãn Vaên An`), because spreadsheets keep the code of the letter
and the font made it look right. TCVN 5712:1993 (VN3); VNI's own table.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ocr.syllables import is_plausible

_TCVN3_LOWER = (
    "µà¸á¶ả·ã¹ạ¨ă»ằ¾ắ¼ẳ½ẵÆặ©âÇầÊấÈẩÉẫËậ®đÌèÐéÎẻÏẽÑẹªêÒềÕếÓểÔễÖệ×ìÝíØỉÜĩÞịßòãóáỏâõäọ«ôåồèốæổçỗéộ¬ơêờíớëởìỡîợïùóúñủòũôụ\u00adưõừøứöử÷ữùựúỳýýûỷüỹþỵ"
)
_TCVN3_UPPER = "¡Ă¢Â£Ê¤Ô¥Ơ¦Ư§Đ"
_TCVN3 = {
    ord(old): new
    for table in (_TCVN3_LOWER, _TCVN3_UPPER)
    for old, new in zip(table[::2], table[1::2], strict=True)
}
# Latin letters that TCVN3 uses and no Vietnamese (or everyday Latin) word in Unicode holds.
_ONLY_TCVN3 = re.compile("[µ¸¶·¹¨»¾¼½Æ©ÇË®ÎÏÑªÖ×ØÜÞßåæçëîïñö÷ûü\u00adþ«¬¡¢£¤¥¦§äø]")

_TONES = {"ù": "\u0301", "ø": "\u0300", "û": "\u0309", "õ": "\u0303", "ï": "\u0323"}
_ROUND = {"â": "\u0302", "á": "\u0302\u0301", "à": "\u0302\u0300", "å": "\u0302\u0309", "ã": "\u0302\u0303", "ä": "\u0302\u0323"}
_BREVE = {"ê": "\u0306", "é": "\u0306\u0301", "è": "\u0306\u0300", "ú": "\u0306\u0309", "ü": "\u0306\u0303", "ë": "\u0306\u0323"}
_HORN = {"ô": "ơ", "ö": "ư", "Ô": "Ơ", "Ö": "Ư"}
_VNI_ALONE = {"æ": "ỉ", "ó": "ĩ", "ò": "ị", "ñ": "đ", "î": "ỵ", "Æ": "Ỉ", "Ó": "Ĩ", "Ò": "Ị", "Ñ": "Đ", "Î": "Ỵ"}
_VNI_PAIR = re.compile("[aAeEoOuUyYôÔöÖ][ùøûõïâáàåãäêéèúüëÙØÛÕÏÂÁÀÅÃÄÊÉÈÚÜË]")
_VNI_NEVER = re.compile("(?<![aAeEoOuUyYôÔöÖ])[ùøûõïâáàåãäêéèúüëÙØÛÕÏÂÁÀÅÃÄÊÉÈÚÜË]|[ýÝçÇðÐþÞßÿ]")
"""Letters that VNI has not, or a mark that follows no vowel: `Võ Thyù Mai` is a slip of the keyboard in Unicode, for VNI writes `Voõ`."""
_ONLY_VNI = re.compile(f"{_VNI_PAIR.pattern}|[æñöÆÑÖ]")


def tcvn3(text: str) -> str:
    """Text typed for a TCVN3 font, as Unicode. Capitals of such fonts look small in the code: only the case is lost."""
    return unicodedata.normalize("NFC", text.translate(_TCVN3))


def vni(text: str) -> str:
    """Text typed for a VNI font, as Unicode."""

    def pair(found: re.Match) -> str:
        letter, mark = found[0][0], found[0][1].lower()
        base = _HORN.get(letter, letter)
        if base in "ơưƠƯ" or mark in _TONES:
            added = _TONES.get(mark)
        else:
            added = _ROUND.get(mark) or (_BREVE.get(mark) if letter in "aA" else None)
        return found[0] if added is None else base + added

    paired = _VNI_PAIR.sub(pair, text)
    alone = "".join(_HORN.get(c) or _VNI_ALONE.get(c) or c for c in paired)
    return unicodedata.normalize("NFC", alone)


def modern(text: str) -> tuple[str, str | None]:
    """Text in Unicode, and which old encoding it was in: `TCVN3`, `VNI` or None.

    Only text that is no Vietnamese as it stands, and is when read the old way, is taken for old.
    """
    # Both encodings know only the letters of Latin-1; a single ố or đ says that the text is Unicode.
    if text.isascii() or max(text) > "ÿ" or not (_ONLY_TCVN3.search(text) or _ONLY_VNI.search(text)) or plausible(text) == 1.0:
        return text, None
    best, name, share = text, None, plausible(text)
    for kind, hint, decode in (("TCVN3", _ONLY_TCVN3, tcvn3), ("VNI", _ONLY_VNI, vni)):
        if hint.search(text) and not (kind == "VNI" and _VNI_NEVER.search(text)):
            decoded = decode(text)
            if (now := plausible(decoded)) > share and now >= 0.8:
                best, name, share = decoded, kind, now
    return best, name


def plausible(text: str) -> float:
    """Share of the words that can stand in a Vietnamese paper."""
    words = text.split()
    return sum(map(_known, words)) / len(words) if words else 1.0


_known = lru_cache(maxsize=20_000)(is_plausible)
"""Lists say the same few thousand words again and again."""
