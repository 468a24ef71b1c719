"""What happened to a file after a signature, in words, and whether it was allowed.

Whether: pyHanko's difference policy (every object that changed must be explained by something a later signature, a
timestamp or validation data needs), sharpened: a record that was signed is not filled in any more, so a changed form
value counts as a change of content unless the signer permitted it (DocMDP, ISO 32000-2 §12.8.2.2), and then a person has
to look. In words: pages, annotations, form values and signatures of the signed revision held against the newest one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, DiffResult, ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.status import SignatureCoverageLevel

from schemas.signing import Changes
from signing.verify_structure import BROKEN, FoundSignature, value_of

MAX_PAGES = 20_000
MAX_FIELDS = 5_000
MAX_WALK = 50_000
"""Objects looked at for one page; more than any real page has."""
OVERLAY_SHARE = 0.25
"""A later signature whose picture takes more of a page than this hides what was signed (Mainka et al., "Attacks on
certified documents", 2021)."""


@dataclass
class ChangesAfter:
    """After one signature."""

    state: Changes
    words: list[str] = field(default_factory=list)
    """Vietnamese."""
    codes: list[str] = field(default_factory=list)
    """Of `signing.verdict`."""


def changes_after(
    reader: PdfFileReader,
    found: FoundSignature,
    others: list[FoundSignature],
    coverage: SignatureCoverageLevel,
) -> ChangesAfter:
    """What stands in the file after a signature whose range was found sound."""
    signature = found.signature
    if coverage is SignatureCoverageLevel.ENTIRE_FILE:
        return ChangesAfter(Changes.NONE)
    if coverage is not SignatureCoverageLevel.ENTIRE_REVISION:
        return ChangesAfter(
            Changes.UNKNOWN, ["Không xác định được phần tệp mà chữ ký bao trùm."], ["byte_range_wrong"]
        )
    words = _in_words(reader, signature, others)
    try:
        permission = signature.docmdp_level
        result = signature.diff_result or DEFAULT_DIFF_POLICY.review_file(
            reader, signature.signed_revision, field_mdp_spec=signature.fieldmdp, doc_mdp=permission
        )
    except (*BROKEN, SignatureValidationError, NotImplementedError):
        return ChangesAfter(Changes.UNKNOWN, words.all(), ["changed_after_signing"])
    level = result.modification_level if isinstance(result, DiffResult) else ModificationLevel.OTHER
    if isinstance(result, DiffResult):
        words.refilled(result.changed_form_fields, reader)
    codes: list[str] = []
    if level is ModificationLevel.OTHER or (permission is not None and level.value > permission.value):
        codes.append("docmdp_violated" if permission is not None else "changed_after_signing")
    elif level is ModificationLevel.ANNOTATIONS:
        codes.append("changed_after_signing")
    if words.forms:
        permitted = permission in (MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE) and not codes
        codes.append("form_filled" if permitted else "form_changed")
    if words.loose and not codes:
        codes.append("changed_after_signing")
    if words.overlays:
        codes.append("overlay_by_signature")
    said = words.all()
    if codes and not (words.content or words.forms or words.loose or words.overlays):
        said.append("Thay đổi khác trong cấu trúc tệp mà không chữ ký nào giải thích được.")
    return ChangesAfter(Changes.FORBIDDEN if codes else Changes.ALLOWED, said, codes)


@dataclass
class _Words:
    content: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    """Signature fields that were added with a picture but nobody signed."""
    overlays: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def refilled(self, names: set[str], reader: PdfFileReader) -> None:
        """Fields whose looks were changed count as changed, whatever their value says."""
        kinds = {name: value[0] for name, value in _fields(reader)}
        said = " ".join(self.forms)
        for name in sorted(names):
            if kinds.get(name) != "/Sig" and f"„{name}“" not in said:
                self.forms.append(f"Trường biểu mẫu „{name}“ đổi hình hiển thị.")

    def all(self) -> list[str]:
        return [*self.content, *self.forms, *self.loose, *self.overlays, *self.other]


def _in_words(reader: PdfFileReader, signature: EmbeddedPdfSignature, others: list[FoundSignature]) -> _Words:
    words = _Words()
    try:
        old = reader.get_historical_resolver(signature.signed_revision)
        changed: set = set()
        for revision in range(signature.signed_revision + 1, reader.xrefs.total_revisions):
            changed |= reader.xrefs.explicit_refs_in_revision(revision)
        _pages_in_words(old, reader, changed, words)
        _forms_in_words(old, reader, words)
        _signatures_in_words(reader, signature, others, words)
        for name, said in (
            ("/DSS", "Thêm dữ liệu kiểm chứng (chứng thư, CRL, OCSP)."),
            ("/Metadata", "Sửa siêu dữ liệu."),
        ):
            if _touched(reader, reader.root, name, changed) or (name in reader.root and name not in old.root):
                words.other.append(said)
    except BROKEN:
        words.other.append("Không đọc được hết phần thêm vào sau khi ký.")
    return words


def _pages_in_words(old: HistoricalResolver, new: PdfFileReader, changed: set, words: _Words) -> None:
    before, after = list(_pages(old)), list(_pages(new))
    refs_before, refs_after = [ref for ref, _ in before], [ref for ref, _ in after]
    added = [at for at, ref in enumerate(refs_after, 1) if ref not in set(refs_before)]
    removed = [at for at, ref in enumerate(refs_before, 1) if ref not in set(refs_after)]
    if added:
        words.content.append(f"Thêm trang: {_numbers(added)}.")
    if removed:
        words.content.append(f"Bỏ trang: {_numbers(removed)}.")
    kept = [ref for ref in refs_after if ref in set(refs_before)]
    if kept != [ref for ref in refs_before if ref in set(refs_after)]:
        words.content.append("Đổi thứ tự trang.")
    earlier = dict(before)
    for at, (ref, page) in enumerate(after, 1):
        if ref not in earlier:
            continue
        was = earlier[ref]
        if _raw(was, "/Contents") != _raw(page, "/Contents") or _touched(new, page, "/Contents", changed):
            words.content.append(f"Nội dung trang {at} bị thay đổi.")
        if _raw(was, "/Resources") != _raw(page, "/Resources") or _touched(new, page, "/Resources", changed):
            words.content.append(f"Hình ảnh hoặc phông chữ của trang {at} bị thay đổi.")
        for key in ("/MediaBox", "/CropBox", "/Rotate", "/UserUnit"):
            if _raw(was, key) != _raw(page, key):
                words.content.append(f"Khổ hoặc hướng trang {at} bị thay đổi.")
                break
        _annotations_in_words(old, new, was, page, at, changed, words)


def _annotations_in_words(old, new, was, page, at: int, changed: set, words: _Words) -> None:
    before, after = _annotations(was), _annotations(page)
    known = {ref for ref, _ in before if ref}
    added = sum(1 for ref, note in after if _is_note(note) and (ref is None or ref not in known))
    added -= sum(1 for ref, note in before if _is_note(note) and ref is None)
    remaining = {ref for ref, _ in after if ref}
    removed = sum(1 for ref, note in before if _is_note(note) and ref and ref not in remaining)
    altered = sum(1 for ref, note in after if _is_note(note) and ref in known and ref in changed)
    for count, verb in ((added, "Thêm"), (removed, "Bỏ"), (altered, "Sửa")):
        if count > 0:
            words.content.append(f"{verb} {count} chú thích hoặc hình phủ trên trang {at}.")


def _annotations(page) -> list[tuple]:
    notes = value_of(page, "/Annots")
    if not isinstance(notes, generic.ArrayObject):
        return []
    found = []
    for index in range(min(len(notes), MAX_FIELDS)):
        raw = notes.raw_get(index)
        ref = raw.reference if isinstance(raw, generic.IndirectObject) else None
        note = notes[index]
        if isinstance(note, generic.DictionaryObject):
            found.append((ref, note))
    return found


def _is_note(note) -> bool:
    return value_of(note, "/Subtype") != "/Widget"  # widgets are told by their fields


def _forms_in_words(old: HistoricalResolver, new: PdfFileReader, words: _Words) -> None:
    before, after = dict(_fields(old)), dict(_fields(new))
    for name, value in after.items():
        if value[0] == "/Sig":
            continue
        if name not in before:
            words.forms.append(f"Thêm trường biểu mẫu „{name}“.")
        elif before[name][1] != value[1]:
            words.forms.append(f"Trường biểu mẫu „{name}“ đổi giá trị.")
    for name, value in before.items():
        if value[0] != "/Sig" and name not in after:
            words.forms.append(f"Bỏ trường biểu mẫu „{name}“.")


def _signatures_in_words(
    reader: PdfFileReader, signature: EmbeddedPdfSignature, others: list[FoundSignature], words: _Words
) -> None:
    signed = set()
    for other in others:
        signed.add(other.field)
        later = other.signature is not None and other.signature.signed_revision > signature.signed_revision
        if not later:
            continue
        words.other.append(
            "Thêm dấu thời gian cho cả tệp." if other.is_timestamp else f"Thêm chữ ký số „{other.field}“."
        )
        share = _share_of_page(other.signature.sig_field)
        if share > OVERLAY_SHARE:
            words.overlays.append(f"Hình của chữ ký „{other.field}“ che {share:.0%} trang đã ký.")
    old = reader.get_historical_resolver(signature.signed_revision)
    before = {name for name, value in _fields(old) if value[0] == "/Sig"}
    for name, (kind, _, dictionary) in _fields(reader):
        if kind == "/Sig" and name not in before and name not in signed and "/AP" in dictionary:
            words.loose.append(f"Thêm hình vào ô chữ ký chưa ký „{name}“.")


def _share_of_page(widget) -> float:
    """How much of its page a widget takes, 0 to 1 and more."""
    try:
        rect = [float(number) for number in widget["/Rect"]]
        page = widget["/P"]
        while "/MediaBox" not in page:
            page = page["/Parent"]
        box = [float(number) for number in page["/MediaBox"]]
        area = abs((box[2] - box[0]) * (box[3] - box[1])) or 1.0
        return abs((rect[2] - rect[0]) * (rect[3] - rect[1])) / area
    except BROKEN:
        return 0.0


def _pages(document) -> Iterator[tuple]:
    """(reference, dictionary) of each page, in order."""
    seen: set = set()
    waiting = [document.root.raw_get("/Pages")]
    count = 0
    while waiting and count < MAX_PAGES:
        node = waiting.pop()
        ref = node.reference if isinstance(node, generic.IndirectObject) else None
        if ref is not None:
            if ref in seen:
                continue
            seen.add(ref)
        page = document(ref) if isinstance(document, HistoricalResolver) and ref else node.get_object()
        if not isinstance(page, generic.DictionaryObject):
            continue
        if "/Kids" in page:
            kids = page["/Kids"]
            waiting += [kids.raw_get(at) for at in reversed(range(len(kids)))]
        else:
            count += 1
            yield ref, page


def _fields(document) -> Iterator[tuple[str, tuple]]:
    """(full name, (kind, value, dictionary)) of each form field."""
    form = value_of(document.root, "/AcroForm")
    if not isinstance(form, generic.DictionaryObject) or "/Fields" not in form:
        return
    fields = form["/Fields"]
    waiting = [("", None, fields[at]) for at in range(min(len(fields), MAX_FIELDS))]
    for _ in range(MAX_FIELDS):
        if not waiting:
            return
        prefix, kind, node = waiting.pop()
        if not isinstance(node, generic.DictionaryObject):
            continue
        part = value_of(node, "/T")
        name = f"{prefix}.{part}" if prefix and part is not None else prefix or str(part or "")
        kind = value_of(node, "/FT", kind)
        if part is not None or not prefix:
            looks = value_of(node, "/AS")
            value = (
                (repr(value_of(node, "/V")), str(looks) if looks is not None else "")
                if kind != "/Sig"
                else None
            )
            yield name, (kind, value, node)
        if "/Kids" in node:
            kids = node["/Kids"]
            waiting += [(name, kind, kids[at]) for at in range(min(len(kids), MAX_FIELDS))]


def _raw(dictionary, key: str):
    """A value as it stands, references unfollowed, comparable."""
    if key not in dictionary:
        return None
    return repr(dictionary.raw_get(key))


def _touched(document, dictionary, key: str, changed: set) -> bool:
    """Does anything reachable below a key belong to the changed objects?"""
    if key not in dictionary:
        return False
    waiting, seen = [dictionary.raw_get(key)], set()
    while waiting and len(seen) < MAX_WALK:
        node = waiting.pop()
        if isinstance(node, generic.IndirectObject):
            if node.reference in changed:
                return True
            if node.reference in seen:
                continue
            seen.add(node.reference)
            node = node.get_object()
        if isinstance(node, generic.DictionaryObject):
            waiting += [node.raw_get(name) for name in node if name not in ("/Parent", "/P")]
        elif isinstance(node, generic.ArrayObject):
            waiting += [node.raw_get(at) for at in range(len(node))]
    return False


def _numbers(pages: list[int]) -> str:
    shown = ", ".join(str(page) for page in pages[:10])
    return f"{shown}, … ({len(pages)} trang)" if len(pages) > 10 else shown
