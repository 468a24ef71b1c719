"""Fields of stored page readings scored against labelled sets.

    python bench/score_fields.py READINGS TRUTH [--out DIR] [--show] [--stacks]

READINGS holds `<id>.json` (lists of PageReading dumps, from bench/read_set.py), TRUTH `<id>.json` or `<id>.gt.json`.
`--show` lists every wrong field; with `--stacks` the readings are stacks to be put into documents first and only
predictions are written. Predictions go to DIR in the form `sohoa extract` and the scorer of an evaluation set use.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from bench.field_truth import is_right, load_readings
from ocr.extract import read_document
from ocr.forms import Forms, load_forms
from ocr.separate import separate
from schemas.document import DocumentReading
from schemas.settings import Settings


def as_prediction(reading: DocumentReading) -> dict:
    """One document as the public contract writes it, without boxes."""
    fields = {
        name: {"value": f.value, "printed": f.printed, "confidence": f.confidence, "status": f.status,
               "handwritten": f.handwritten, "checks": f.checks}
        for name, f in reading.fields.items()
    }  # fmt: skip
    return {"text": reading.text, "type": reading.type, "fields": fields, "rotation_cw": reading.rotation,
            "confidences": {"type": reading.type_confidence}}  # fmt: skip


def predict(folder: Path, out: Path, forms: Forms, settings: Settings, stacks: bool) -> None:
    """Predictions for every reading of a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.json")):
        pages = load_readings(path)
        if stacks:
            by_number = {p.page: p for p in pages}
            made: dict = {"documents": [
                {"pages": numbers, **as_prediction(read_document([by_number[n] for n in numbers], forms=forms, settings=settings))}
                for numbers in separate(pages, forms).documents
            ]}  # fmt: skip
        else:
            made = as_prediction(read_document(pages, forms=forms, settings=settings))
        (out / path.name).write_text(json.dumps(made, ensure_ascii=False, default=str), "utf-8")


def report(out: Path, truth_folder: Path, show: bool) -> None:
    """Right values, accepted values and wrong ones among them, by level."""
    tally: Counter = Counter()
    for truth_path in sorted(truth_folder.glob("*.json")):
        path = out / truth_path.name.replace(".gt.json", ".json")
        if not path.exists():
            continue
        truth, made = json.loads(truth_path.read_text("utf-8")), json.loads(path.read_text("utf-8"))
        level = truth.get("level") or "real"
        tally[level, "documents"] += 1
        tally[level, "type"] += truth["type"] == made["type"]
        if truth["type"] != made["type"] and show:
            print(f"{truth['id']:12s} TYPE {truth['type']} -> {made['type']}")
        by_hand = set(truth.get("handwritten") or []) if isinstance(truth.get("handwritten"), list) else set()
        for name, value in truth["fields"].items():
            item = made["fields"].get(name) or {"value": None, "status": "missing", "confidence": 0}
            right = is_right(name, item["value"], truth)
            accepted = item["status"] == "accepted"
            printed = name not in by_hand and not item.get("handwritten")
            tally[level, "n"] += 1
            tally[level, "right"] += right
            tally[level, "printed"] += printed
            tally[level, "accepted"] += accepted
            tally[level, "accepted_printed"] += accepted and printed
            tally[level, "accepted_wrong"] += accepted and not right
            if show and not right:
                mark = "ACCEPTED" if accepted else item["status"]
                hand = " by hand" if name in by_hand else ""
                print(
                    f"{truth['id']:12s} {name:20s} {value!r:.110} <- {item['value']!r:.110} {mark} {item['confidence']}{hand}"
                )
    for level in dict.fromkeys(k[0] for k in tally):
        n, accepted = tally[level, "n"], tally[level, "accepted"]
        print(f"{level:7s} documents {tally[level, 'documents']:4d} type {tally[level, 'type'] / tally[level, 'documents']:6.1%}  "
              f"fields {n:5d} right {tally[level, 'right'] / n:6.1%}  accepted {accepted / n:6.1%} "
              f"(of printed {tally[level, 'accepted_printed'] / max(1, tally[level, 'printed']):6.1%})  "
              f"accepted wrong {tally[level, 'accepted_wrong']} = {tally[level, 'accepted_wrong'] / max(1, accepted):.2%}")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readings", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--out", type=Path, default=Path("field-scores"))
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--stacks", action="store_true")
    args = parser.parse_args()
    predict(args.readings, args.out, load_forms(), Settings(), args.stacks)
    if not args.stacks:
        report(args.out, args.truth, args.show)
    return 0


if __name__ == "__main__":
    sys.exit(main())
