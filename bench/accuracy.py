"""How well papers are read, on the project's own made set and, where it is there, on an evaluation folder with a scorer.

The own set is drawn with a seed that nothing else uses, so no rule, network or calibration has seen a page of it.
"""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from bench.accuracy_score import split_counts, text_errors
from bench.field_truth import filled_in_by_hand, is_right, load_readings
from bench.read_set import ENDINGS, read_file
from bench.report_rows import Result, Row
from bench.score_fields import as_prediction
from ocr import cleanup
from ocr.engines import open_engine
from ocr.extract import read_document
from ocr.forms import Forms, load_forms
from ocr.intake import inspect, open_source
from ocr.reading import lay_flat, read_upright
from ocr.separate import separate
from samples import dirt
from samples.sets import WEIGHTS, make_set, save_json
from samples.stacks import Item, Plan, make_stack
from schemas.errors import SohoaError
from schemas.settings import Limits, Reading, Settings

SEED = 770_201
LEVELS = ("clean", "office", "hard")
HEADING = (
    "loai_van_ban",
    "so_ky_hieu",
    "ngay_ban_hanh",
    "co_quan_ban_hanh",
    "nguoi_ky",
    "chuc_vu",
    "trich_yeu",
)
KINDS = {
    "giay_khai_sinh", "trich_luc_khai_sinh", "giay_chung_nhan_ket_hon", "giay_xac_nhan_tinh_trang_hon_nhan", "trich_luc_khai_tu",
    "giay_chung_nhan_ho_kinh_doanh", "giay_phep_xay_dung", "quyet_dinh", "cong_van", "to_trinh", "thong_bao", "bao_cao",
    "chi_thi", "chuong_trinh", "ke_hoach", "nghi_dinh", "nghi_quyet",
}  # fmt: skip
TARGETS = {
    "cer": {"clean": 0.015, "office": 0.04, "hard": 0.09, "real": 0.025},
    "heading": {"clean": 0.92, "office": 0.85, "hard": 0.65, "real": 0.75},
    "all": {"clean": 0.90, "office": 0.80},
    "accepted": {"clean": 0.85, "office": 0.65},
    "type": {"office": 0.98},
}

Judge = Callable[[str, str | None, dict], bool]
"""(field, value, truth of the document) -> right."""


def measure(
    work: Path, *, evaluation: Path | None, documents: int, stacks: int, processes: int, reuse: bool
) -> Result:
    """Reads and scores. `documents`: of each level of the own set; `reuse`: take papers and page readings of an earlier run."""
    result = Result("accuracy", [], [
        f"Own set: {documents} documents of each level and {stacks} stacks, made by `samples` with seed {SEED} "
        "(used for nothing else), scored by `bench/accuracy_score.py` and `bench/field_truth.py`.",
        "Characters and all fields: the target is for printed papers, number and day by hand included, as real papers have them. Forms filled in "
        "by hand throughout (about one made paper in twelve; none in the evaluation folder's clean level, which the target's "
        "baseline comes from) cannot be read by a reader of print: their entries are recognised as handwriting and shown to a "
        "person, so they are reported with them and not aimed at.",
        "Acceptance: an entry by hand may never be accepted without a person, so the target is for the printed fields of the own "
        "set; the share of all fields stands below it. The evaluation folder does not say which fields are by hand: there all count.",
    ])  # fmt: skip
    own = work / "made"
    if not reuse:
        shutil.rmtree(own, ignore_errors=True)
    make_own(own, documents, stacks)
    result.rows += score_own(own, read_all(own, work / "made-readings", processes, reuse))
    result.rows += turned_rows(own / "input", min(documents, 20), processes)
    if evaluation is not None and (evaluation / "score.py").is_file():
        result.method.append(
            "Evaluation folder: its own `score.py`; shares of accepted fields with that scorer's rule too."
        )
        result.rows += score_evaluation(evaluation, work / "eval", processes, reuse)
    return result


# --- the own set -----------------------------------------------------------------------------------------------------
def make_own(folder: Path, documents: int, stacks: int) -> None:
    """input/, gt/, batches/ and gt_batches/ in `folder`; what is there is kept."""
    for level in LEVELS:
        if not (folder / "gt" / f"{level}_{documents:04d}.json").is_file():
            make_set(level, documents, SEED, folder)
    (folder / "batches").mkdir(exist_ok=True)
    (folder / "gt_batches").mkdir(exist_ok=True)
    for number in range(1, stacks + 1):
        truth_path = folder / "gt_batches" / f"stack_{number}.json"
        if not truth_path.is_file():
            scans, truth = make_stack(plan_stack(number))
            dirt.write_pdf(scans, folder / "batches" / f"stack_{number}.pdf")
            save_json(truth_path, truth)


def plan_stack(number: int) -> Plan:
    """A stack of five to seven documents: kinds of separators, blanks, backs and turned pages by chance."""
    rng = random.Random(f"{SEED}/stack/{number}")
    kinds = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=rng.randint(5, 7))
    items = [
        Item(
            kind,
            separator=rng.choice(["", "", "barcode", "qr", "patch", "text"]),
            blanks=rng.choice([0, 0, 0, 1]),
            duplex=number % 3 == 0,
            turn=rng.choice([0, 0, 0, 0, 90, 180, 270]),
        )
        for kind in kinds
    ]
    return Plan(
        f"stack_{number}", ".pdf", items, rng.choice(["colour", "grey", "bilevel"]), f"{SEED}/stack/{number}"
    )


def read_all(folder: Path, out: Path, processes: int, reuse: bool) -> Path:
    """Page readings of every file below `folder`, one JSON a file; a file that cannot be read gets none."""
    out.mkdir(parents=True, exist_ok=True)
    files = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in ENDINGS]
    names = {p.stem for p in files}
    for old in out.glob("*.json"):
        if not reuse or old.stem not in names:
            old.unlink()
    files = [p for p in files if not (out / f"{p.stem}.json").is_file()]
    with ProcessPoolExecutor(processes) as pool:
        for path, error in zip(files, pool.map(partial(_read_one, out=out), files, chunksize=1), strict=True):
            if error:
                print(f"{path.name}: {error}", file=sys.stderr)
    return out


def _read_one(path: Path, out: Path) -> str:
    try:
        read_file(path, out)
    except SohoaError as error:
        return str(error)
    return ""


def predictions(readings: Path, out: Path, stacks: set[str], forms: Forms) -> dict[str, dict]:
    """Predictions by id, as `sohoa extract` writes them; also stored in `out` for a scorer."""
    out.mkdir(parents=True, exist_ok=True)
    settings, made = Settings(), {}
    for path in sorted(readings.glob("*.json")):
        pages = load_readings(path)
        by_number = {p.page: p for p in pages}
        cut = separate(pages, forms)
        if path.stem in stacks:
            made[path.stem] = {"documents": [
                {"pages": numbers, **_predict([by_number[n] for n in numbers], forms, settings)} for numbers in cut.documents
            ]}  # fmt: skip
        else:
            made[path.stem] = _predict(pages, forms, settings) | {"documents": len(cut.documents)}
        text = json.dumps(made[path.stem], ensure_ascii=False, default=str)
        (out / path.name).write_text(text, "utf-8")
    return made


def _predict(pages: list, forms: Forms, settings: Settings) -> dict:
    found = as_prediction(read_document(pages, forms=forms, settings=settings))
    return found | {
        "page_text": {p.page: p.text for p in pages},
        "page_rotation": {p.page: p.rotation for p in pages},
    }


def truths(folder: Path) -> dict[str, dict]:
    """Truth by id."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        if path.name != "manifest.json" and "fields" in (truth := json.loads(path.read_text("utf-8"))):
            found[truth["id"]] = truth
    return found


def score_own(folder: Path, readings: Path) -> list[Row]:
    """All rows for the own set."""
    stack_truths = [json.loads(p.read_text("utf-8")) for p in sorted((folder / "gt_batches").glob("*.json"))]
    made = predictions(
        readings, folder.with_name("made-predictions"), {t["id"] for t in stack_truths}, load_forms()
    )
    there = truths(folder / "gt")
    _list_wrong(folder.with_name("wrong-made.txt"), there, made, is_right)
    tally = tally_fields(there, made, is_right)
    for ident, truth in there.items():
        level, found = truth["level"], made.get(ident) or {"page_text": {}, "type": None, "page_rotation": {}}
        tally[level, "type"] += found["type"] == truth["type"]
        for page in truth["pages"]:
            wrong, all_ = text_errors(
                page["lines"], found["page_text"].get(page["page"], ""), page["optional_lines"]
            )
            kinds = ["of all papers"]
            kinds += [] if filled_in_by_hand(truth) else ["of printed papers"]
            kinds += [] if truth.get("handwritten") else ["without a word by hand"]
            for kind in kinds:
                tally[level, f"wrong characters {kind}"] += wrong
                tally[level, f"characters {kind}"] += all_
    rows = []
    for what, kind, aimed in (
        ("character error rate, printed papers", "of printed papers", True),
        ("… with forms filled in by hand", "of all papers", False),
        ("… of papers without a word by hand", "without a word by hand", False),
    ):
        for level in LEVELS:
            share = _share(tally, level, f"wrong characters {kind}", f"characters {kind}")
            of = f"{tally[level, f'characters {kind}']} characters"
            rows.append(_row(what, f"own {level}", share, TARGETS["cer"][level] if aimed else None, True, of))
    for level in LEVELS:
        rows.append(
            _type(f"own {level}", level, _share(tally, level, "type", "documents"), tally[level, "documents"])
        )
    rows += field_rows("own", LEVELS, tally)
    rows += split_rows("own", stack_truths, made)
    return rows


# --- fields ----------------------------------------------------------------------------------------------------------
def tally_fields(there: dict[str, dict], made: dict[str, dict], right: Judge) -> Counter:
    """Counts by (level, what)."""
    tally: Counter = Counter()
    for ident, truth in there.items():
        level, found = truth.get("level") or "real", made.get(ident) or {}
        fields = found.get("fields", {})
        by_hand = truth.get("handwritten") or []
        tally[level, "documents"] += 1
        tally[level, "kept whole"] += found.get("documents") == 1
        for name in truth["fields"]:
            item = fields.get(name) or {"value": None, "status": "missing", "handwritten": False}
            good = right(name, item["value"], truth)
            accepted = item["status"] == "accepted"
            groups = ["fields"] if name in by_hand else ["fields", "printed"]
            if name in HEADING:
                groups.append("heading")
            if truth["type"] in KINDS:
                groups.append("nine kinds")
                groups += [] if filled_in_by_hand(truth) else ["nine kinds, printed papers"]
            if name in by_hand:
                groups.append("by hand")
                tally[level, "by hand recognised"] += bool(item["handwritten"])
                tally[level, "by hand not found"] += item["value"] is None and not item["handwritten"]
            for group in groups:
                tally[level, group] += 1
                tally[level, f"{group} right"] += good
                tally[level, f"{group} accepted"] += accepted
            tally[level, "accepted"] += accepted
            tally[level, "accepted wrong"] += accepted and not good
        tally[level, "accepted beyond truth"] += sum(
            f["status"] == "accepted" for name, f in fields.items() if name not in truth["fields"]
        )
    return tally


def wrong_fields(there: dict[str, dict], made: dict[str, dict], right: Judge) -> list[str]:
    """What to look at, the worst first: accepted and wrong or by hand, entries by hand not seen as such, other wrong ones."""
    found = []
    for ident, truth in there.items():
        by_hand = truth.get("handwritten") or []
        for name, value in truth["fields"].items():
            item = made.get(ident, {}).get("fields", {}).get(name)
            item = item or {"value": None, "status": "missing", "handwritten": False, "confidence": 0}
            good, accepted = right(name, item["value"], truth), item["status"] == "accepted"
            kinds = [
                (accepted and name in by_hand, "0 ACCEPTED BY HAND"),
                (accepted and not good, "1 ACCEPTED WRONG"),
                (name in by_hand and not item["handwritten"], "2 hand not seen"),
                (not good, "3 wrong"),
            ]
            kind = next((said for is_so, said in kinds if is_so), None)
            if kind:
                confidence = item["confidence"]
                found.append(
                    f"{kind} {ident} {name} {value!r} <- {item['value']!r} {item['status']} {confidence}"
                )
    return sorted(found)


def _list_wrong(path: Path, there: dict[str, dict], made: dict[str, dict], right: Judge) -> None:
    path.write_text("".join(f"{line}\n" for line in wrong_fields(there, made, right)), "utf-8")


def field_rows(corpus: str, levels: tuple[str, ...], tally: Counter) -> list[Row]:
    """Heading fields, all fields, handwriting, accepted shares."""
    rows = []
    together = f"{corpus} made" if len(levels) > 1 else f"{corpus} {levels[0]}"
    for level in levels:
        rows.append(_row("heading fields right or rightly proposed", f"{corpus} {level}", _share(tally, level, "heading right", "heading"),
                         TARGETS["heading"].get(level), False, f"{tally[level, 'heading']} fields"))  # fmt: skip
    hand = _sum(tally, levels, "by hand")
    if hand:
        for level in levels:
            group = "nine kinds, printed papers"
            rows.append(_row(f"all fields of the {group}", f"{corpus} {level}", _share(tally, level, f"{group} right", group),
                             TARGETS["all"].get(level), False, f"{tally[level, group]} fields"))  # fmt: skip
    for level in levels:
        what = "… with forms filled in by hand" if hand else "all fields of the nine kinds"
        rows.append(_row(what, f"{corpus} {level}", _share(tally, level, "nine kinds right", "nine kinds"),
                         None if hand else TARGETS["all"].get(level), False, f"{tally[level, 'nine kinds']} fields"))  # fmt: skip
    if hand:
        rows.append(_row("entries by hand recognised as handwriting", together, _sum(tally, levels, "by hand recognised") / hand,
                         0.97, False, f"{hand} fields, {_sum(tally, levels, 'by hand not found')} not found at all"))  # fmt: skip
        rows.append(Row("entries by hand accepted without a person", together, float(_sum(tally, levels, "by hand accepted")), "",
                        0.0, True, f"{hand} fields"))  # fmt: skip
        rows.append(_row("entries by hand rightly proposed", together, _sum(tally, levels, "by hand right") / hand,
                         None, False, f"{hand} fields"))  # fmt: skip
    accepted = _sum(tally, levels, "accepted")
    wrong = _sum(tally, levels, "accepted wrong")
    rows.append(_row("accepted fields that are wrong", together, wrong / accepted if accepted else None, 0.005, True,
                     f"{wrong} of {accepted}"))  # fmt: skip
    if hand:  # an entry by hand may never be accepted, so the share that can be reached is that of the printed ones
        for level in levels:
            rows.append(_row("printed fields accepted without a person", f"{corpus} {level}", _share(tally, level, "printed accepted", "printed"),
                             TARGETS["accepted"].get(level), False, f"{tally[level, 'printed']} fields"))  # fmt: skip
    for level in levels:
        what = "… of all fields, by hand too" if hand else "fields accepted without a person"
        rows.append(_row(what, f"{corpus} {level}", _share(tally, level, "fields accepted", "fields"),
                         None if hand else TARGETS["accepted"].get(level), False, f"{tally[level, 'fields']} fields"))  # fmt: skip
    rows.append(_row("single documents kept whole", together, _sum(tally, levels, "kept whole") / max(1, _sum(tally, levels, "documents")),
                     None, False, f"{_sum(tally, levels, 'documents')} documents"))  # fmt: skip
    return rows


def split_rows(corpus: str, stacks: list[dict], made: dict[str, dict]) -> list[Row]:
    """Precision and recall of first pages over all stacks; pages lost."""
    right = found = there = lost = 0
    for truth in stacks:
        counts = split_counts(truth, [d["pages"] for d in made.get(truth["id"], {}).get("documents", [])])
        right, found, there, lost = (a + b for a, b in zip((right, found, there, lost), counts, strict=True))
    if not there:
        return []
    of = f"{there} documents in {len(stacks)} stacks"
    return [
        _row("stacks split, precision", f"{corpus} stacks", right / max(1, found), 0.98, False, of),
        _row("stacks split, recall", f"{corpus} stacks", right / there, 0.98, False, of),
        Row("content pages lost", f"{corpus} stacks", float(lost), "", 0.0, True, of),
    ]


# --- turned pages ----------------------------------------------------------------------------------------------------
def turned_rows(folder: Path, documents: int, processes: int) -> list[Row]:
    """First pages of clean and office documents, each turned by every right angle: is the turn found?"""
    rows = []
    with ProcessPoolExecutor(processes) as pool:
        for level in ("clean", "office"):
            files = sorted(folder.glob(f"{level}_*.pdf"))[:documents]
            right = sum(pool.map(_turns_found, files))
            rows.append(_row("turned pages put right", f"own {level}", right / (4 * len(files)), 1.0, False,
                             f"{4 * len(files)} pages, 0/90/180/270°"))  # fmt: skip
    return rows


def _turns_found(path: Path) -> int:
    """How many of the four turns of a page are found."""
    data, settings = path.read_bytes(), Reading()
    cv2.setNumThreads(1)
    engine = open_engine(settings)
    truth = json.loads((path.parent.parent / "gt" / f"{path.stem}.json").read_text("utf-8"))["pages"][0][
        "rotation_cw"
    ]
    with open_source(data, inspect(data, path.name, Limits()), Limits()) as source:
        image = source.render(page=1, dpi=settings.dpi)
    found = 0
    for turn in (0, 90, 180, 270):
        pixels = np.ascontiguousarray(np.rot90(image.pixels, -turn // 90))  # np.rot90 turns anticlockwise
        sheet, dpi = lay_flat(pixels), round(image.dpi)
        frame, _ = read_upright(sheet, cleanup.clean(sheet.pixels, dpi), dpi, engine)
        found += frame.rotation == (truth + turn) % 360
    engine.close()
    return found


# --- the evaluation folder -------------------------------------------------------------------------------------------
def score_evaluation(folder: Path, work: Path, processes: int, reuse: bool) -> list[Row]:
    """All rows for an evaluation folder, by its own scorer."""
    scorer, forms = _scorer(folder), load_forms()
    stacks = {p.stem for p in (folder / "made/gt_batches").glob("*.json")}
    rows: list[Row] = []
    made = predictions(
        read_all(folder / "made", work / "made-readings", processes, reuse), work / "made", stacks, forms
    )
    rows += _evaluation_rows(folder, work / "made", LEVELS, [])
    there, right = truths(folder / "made/gt"), partial(_right_there, scorer)
    _list_wrong(work / "wrong-made.txt", there, made, right)
    rows += field_rows("eval", LEVELS, tally_fields(there, made, right))
    found = predictions(
        read_all(folder / "real", work / "real-readings", processes, reuse), work / "real", set(), forms
    )
    rows += _evaluation_rows(folder, work / "real", ("real",), ["--gt", str(folder / "real"), "--real"])
    there = truths(folder / "real")
    _list_wrong(work / "wrong-real.txt", there, found, right)
    rows += field_rows("eval", ("real",), tally_fields(there, found, right))
    return rows


def _scorer(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("evaluation_scorer", folder / "score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _right_there(scorer: ModuleType, field: str, value: str | None, truth: dict) -> bool:
    accept = truth.get("fields_accept", {}).get(field)
    return bool(scorer.field_score(field, value, truth["fields"][field], accept)["norm"])


def _evaluation_rows(folder: Path, made: Path, levels: tuple[str, ...], options: list[str]) -> list[Row]:
    """What the scorer itself reports: characters, kind, turned pages, stacks."""
    out = made.with_suffix(".report.json")
    command = [
        sys.executable,
        str(folder / "score.py"),
        "--pred",
        str(made),
        "--json",
        str(out),
        "--quiet",
        *options,
    ]
    subprocess.run(command, check=True)
    report = json.loads(out.read_text("utf-8"))
    rows = []
    for level in levels:
        if text := report["text"].get(level):
            rows.append(_cer(f"eval {level}", level, text["cer_micro"], f"{text['docs']} documents"))
    counts = Counter(
        json.loads(p.read_text("utf-8")).get("level", "real") for p in _truth_files(folder, options)
    )
    for level in levels:
        rows.append(_type(f"eval {level}", level, report["type_accuracy"][level], counts[level]))
        turns = report["rotation"].get(level, {})
        if level in ("clean", "office") and (pages := turns.get("rotated", 0) + turns.get("upright", 0)):
            right = turns.get("rotated_ok", 0) + turns.get("upright_ok", 0)
            rows.append(_row("turned pages put right", f"eval {level}", right / pages, 1.0, False,
                             f"{pages} documents, {turns.get('rotated', 0)} turned"))  # fmt: skip
    if stacks := report["batches"]:
        of = f"{sum(s['gt_docs'] for s in stacks['per'].values())} documents in {len(stacks['per'])} stacks"
        rows.append(
            _row("stacks split, precision", "eval stacks", stacks["split_precision"], 0.98, False, of)
        )
        rows.append(_row("stacks split, recall", "eval stacks", stacks["split_recall"], 0.98, False, of))
        rows.append(
            Row("content pages lost", "eval stacks", float(stacks["content_pages_lost"]), "", 0.0, True, of)
        )
    return rows


def _truth_files(folder: Path, options: list[str]) -> list[Path]:
    return list((folder / "real").glob("*.gt.json")) if options else list((folder / "made/gt").glob("*.json"))


# --- rows ------------------------------------------------------------------------------------------------------------
def _row(what: str, where: str, reached: float | None, target: float | None, at_most: bool, of: str) -> Row:
    return Row(what, where, reached, "%", target, at_most, of)


def _cer(where: str, level: str, reached: float, of: str) -> Row:
    return _row("character error rate", where, reached, TARGETS["cer"][level], True, of)


def _type(where: str, level: str, reached: float | None, documents: int) -> Row:
    return _row(
        "kind of paper recognised",
        where,
        reached,
        TARGETS["type"].get(level),
        False,
        f"{documents} documents",
    )


def _share(tally: Counter, level: str, part: str, whole: str) -> float | None:
    return tally[level, part] / tally[level, whole] if tally[level, whole] else None


def _sum(tally: Counter, levels: tuple[str, ...], what: str) -> int:
    return sum(tally[level, what] for level in levels)
