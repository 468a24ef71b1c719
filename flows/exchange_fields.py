"""Between the metadata of CV 7197/BKHCN-CĐSQG and the fields of a record."""

from __future__ import annotations

from collections.abc import Mapping

from flows.typed import kind_of, typed_value
from ocr import checks as rules
from ocr.fields.evidence import Found
from ocr.forms import Forms
from schemas.api import ImportMetadata, PutMetadata
from schemas.document import Check, CheckResult, FieldStatus, FieldValue
from schemas.errors import BadValue
from schemas.people import Actor
from storage.catalogue import DocumentRow
from storage.fold import fold_words

OTHER = "khac"
FIELD_OF = {
    "TypeName": "loai_van_ban",
    "IssuedDate": "ngay_ban_hanh",
    "OrganName": "co_quan_ban_hanh",
    "Subject": "trich_yeu",
    "Language": "ngon_ngu",
    "Description": "ghi_chu",
    "InforSign": "ky_hieu_thong_tin",
    "Keyword": "tu_khoa",
    "Mode": "che_do_su_dung",
    "ConfidenceLevel": "muc_do_tin_cay",
    "Format": "tinh_trang_vat_ly",
}
"""Number and notation stand in one field as they are printed, `15/QĐ-UBND`."""
NUMBER = "so_ky_hieu"


def kind_of_type(forms: Forms, name: str | None) -> str:
    """Kind of paper by its name; `khac` when none is called so."""
    wanted = fold_words(name or "")
    return next((form.code for form in forms if fold_words(form.name) == wanted), OTHER)


def fields_of(
    forms: Forms,
    kind: str,
    facts: ImportMetadata | PutMetadata,
    actor: Actor,
    standing: Mapping[str, FieldValue] | None = None,
) -> dict[str, FieldValue]:
    """Fields that were named, in their normal form, with the sender as their source. `standing`: what a number or notation
    that comes alone goes with. Raises BadValue."""
    form, texts = forms.get(kind), dict(facts.Fields)
    for name, field in FIELD_OF.items():
        value = getattr(facts, name)
        if value is not None:
            texts[field] = str(value)
    if facts.CodeNumber is not None or facts.CodeNotation is not None:
        before = (standing or {}).get(NUMBER)
        number, notation = split_number(before.value if before else None)
        parts = (facts.CodeNumber or number or "", facts.CodeNotation or notation or "")
        texts[NUMBER] = "/".join(filter(None, parts))
    found = {}
    for name, text in texts.items():
        found[name] = FieldValue(
            value=typed_value(kind_of(form, name), text), printed=text, confidence=1.0, status=FieldStatus.ACCEPTED,
            source=f"import:{actor.who}",
        )  # fmt: skip
    return found


def checks_of(forms: Forms, kind: str, fields: Mapping[str, FieldValue], named: Mapping[str, FieldValue]) -> list[Check]:
    """Checks of the values and between them. What contradicts itself is sent back: nobody here has the paper at hand. What the
    form asks for and the letter does not is a warning. Raises BadValue."""
    found = {name: Found(field.value, field.printed or "") for name, field in fields.items()}
    made = []
    for check in rules.check(kind, forms.get(kind), found, forms).checks:
        if check.code == "required":
            check = check.model_copy(update={"result": CheckResult.WARNING})
        if check.result is CheckResult.FAILED and set(check.fields) & set(named):
            raise BadValue(f"{check.code}: {', '.join(check.fields)}")
        made.append(check)
    return made


def split_number(text: str | None) -> tuple[str | None, str | None]:
    """`15/QĐ-UBND` -> (15, QĐ-UBND); `245/2015` is a number without notation."""
    if not text:
        return None, None
    number, slash, notation = text.partition("/")
    return (number, notation) if slash and not notation.isdigit() else (text, None)


def metadata_of(row: DocumentRow, fields: Mapping[str, str | None], type_name: str, pages: int) -> dict:
    """The metadata of the letter from a record; `fields` as the asker may see them."""
    number, notation = split_number(fields.get(NUMBER))
    named = {name: fields.get(field) for name, field in FIELD_OF.items() if name != "TypeName"}
    return named | {
        "TypeName": fields.get("loai_van_ban") or type_name,
        "CodeNumber": number,
        "CodeNotation": notation,
        "PageAmount": pages,
        "ValidFrom": row.valid_from,
        "ValidTo": row.valid_to,
    }
