"""Fields of stored page readings scored against an evaluation set.

    python bench/score_fields.py READINGS [--eval ../shared/eval] [--out DIR] [--show]

READINGS holds `made/<id>.json`, `real/<id>.json`, `batches/<id>.json`, each a list of PageReading dumps. Writes what
`eval/score.py` reads and runs it where it is there. `--show` lists every wrong field.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ocr.extract import read_document
from ocr.forms import Forms, load_forms
from ocr.separate import separate
from schemas.document import DocumentReading
from schemas.page import PageReading
from schemas.settings import Settings


def load_readings(path: Path) -> list[PageReading]:
    return [PageReading(**page) for page in json.loads(path.read_text("utf-8"))]


def as_prediction(reading: DocumentReading) -> dict:
    fields = {
        name: {"value": f.value, "confidence": f.confidence, "status": f.status, "printed": f.printed,
               "handwritten": f.handwritten, "checks": f.checks}
        for name, f in reading.fields.items()
    }  # fmt: skip
    return {"text": reading.text, "type": reading.type, "fields": fields, "rotation_cw": reading.rotation,
            "pages_in": reading.pages}  # fmt: skip


def predict(folder: Path, out: Path, forms: Forms, settings: Settings) -> None:
    for part in ("made", "real"):
        (out / part).mkdir(parents=True, exist_ok=True)
        for path in sorted((folder / part).glob("*.json")):
            reading = read_document(load_readings(path), forms=forms, settings=settings)
            (out / part / path.name).write_text(json.dumps(as_prediction(reading), ensure_ascii=False, default=str), "utf-8")
    for path in sorted((folder / "batches").glob("*.json")):
        pages = load_readings(path)
        parts = separate(pages, forms)
        by_number = {p.page: p for p in pages}
        documents = [
            {"pages": numbers, **as_prediction(read_document([by_number[n] for n in numbers], forms=forms, settings=settings))}
            for numbers in parts.documents
        ]
        (out / "made" / path.name).write_text(json.dumps({"documents": documents}, ensure_ascii=False, default=str), "utf-8")


def wrong_fields(out: Path, evaluation: Path, show: bool) -> None:
    """Wrong values, and of the accepted ones how many are wrong, by level."""
    spec = importlib.util.spec_from_file_location("score", evaluation / "score.py")
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    tally: Counter = Counter()
    pairs = [(p, out / "made" / p.name) for p in sorted((evaluation / "made/gt").glob("*.json"))]
    pairs += [(p, out / "real" / p.name.replace(".gt", "")) for p in sorted((evaluation / "real").glob("*.gt.json"))]
    for truth_path, path in pairs:
        if not path.exists():
            continue
        truth, made = json.loads(truth_path.read_text("utf-8")), json.loads(path.read_text("utf-8"))
        level = truth.get("level") or "real"
        if truth["type"] != made["type"] and show:
            print(f"{truth['id']:12s} TYPE {truth['type']} -> {made['type']}")
        for name, value in truth["fields"].items():
            item = made["fields"].get(name) or {"value": None, "status": "missing", "confidence": 0}
            right = bool(score.field_score(name, item["value"], value, truth.get("fields_accept", {}).get(name))["norm"])
            accepted = item["status"] == "accepted"
            handwritten = bool(item.get("handwritten"))
            tally[level, "n"] += 1
            tally[level, "right"] += right
            tally[level, "accepted"] += accepted
            tally[level, "printed"] += not handwritten
            tally[level, "accepted_wrong"] += accepted and not right
            if show and not right:
                mark = "ACCEPTED" if accepted else item["status"]
                print(f"{truth['id']:12s} {name:20s} {value!r:50.110} <- {item['value']!r:.110} {mark} {item['confidence']}")
    for level in dict.fromkeys(k[0] for k in tally):
        n, accepted = tally[level, "n"], tally[level, "accepted"]
        print(f"{level:7s} fields {n:4d}  right {tally[level, 'right'] / n:6.1%}  accepted {accepted / n:6.1%} "
              f"(of printed {accepted / max(1, tally[level, 'printed']):6.1%})  "
              f"accepted wrong {tally[level, 'accepted_wrong']} = {tally[level, 'accepted_wrong'] / max(1, accepted):.2%}")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readings", type=Path)
    parser.add_argument("--eval", type=Path, default=Path(__file__).parents[2] / "shared" / "eval")
    parser.add_argument("--out", type=Path, default=Path("field-scores"))
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--full", action="store_true", help="run the evaluation's own scorer too")
    args = parser.parse_args()
    predict(args.readings, args.out, load_forms(), Settings())
    if not (args.eval / "score.py").exists():
        print("no evaluation set found; predictions written only")
        return 0
    wrong_fields(args.out, args.eval, args.show)
    if args.full:
        for extra in ([], ["--gt", str(args.eval / "real"), "--real"]):
            folder = args.out / ("real" if extra else "made")
            subprocess.run([sys.executable, str(args.eval / "score.py"), "--pred", str(folder), *extra], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
