"""Fits the confidence of fields on labelled sets and writes the model and its report.

    python bench/calibrate.py SET ... [--hold SET ...] [--model ocr/calibration/model.json] [--report docs/calibration.md]

A SET is a folder made by `python -m samples set` with `gt/` and `readings/` (from bench/read_set.py). Logistic
regression with a ridge, then an isotonic curve over scores that each document got from a model fitted without it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.field_truth import is_right, load_readings
from ocr.calibration import Model, features
from ocr.extract_evidence import gather
from ocr.fields.evidence import may_be_accepted
from ocr.forms import Forms, load_forms
from schemas.settings import Reading

FOLDS = 5
RIDGE = 1.0


@dataclass(frozen=True)
class Case:
    """One value found, with its features and whether it is right."""

    document: str
    level: str
    field: str
    facts: dict[str, float]
    right: bool
    open: bool
    """May be accepted: not written by hand, no failed check, looks like its kind, not inferred."""


def cases_of(folder: Path, forms: Forms) -> list[Case]:
    """Every value found in a set that its truth speaks about."""
    found = []
    for path in sorted((folder / "readings").glob("*.json")):
        truth = json.loads((folder / "gt" / path.name).read_text("utf-8"))
        readings = load_readings(path)
        gathered = gather(readings, forms)
        by_page = {r.page: r for r in readings}
        for name, item in gathered.found.items():
            if name not in truth["fields"] or not item.value:
                continue
            facts = features(name, item, gathered.kind, by_page.get(item.page, readings[0]), gathered.report)
            trusted = may_be_accepted(item) and not gathered.report.failed(name)
            right = is_right(name, item.value, truth)
            found.append(Case(f"{folder.name}/{path.stem}", truth["level"], name, facts, right, trusted))
    return found


def fit(cases: list[Case], names: list[str]) -> np.ndarray:
    """Weights of a ridge logistic regression, by Newton's method."""
    x = np.array([[case.facts.get(name, 0.0) for name in names] for case in cases])
    y = np.array([case.right for case in cases], float)
    weights = np.zeros(len(names))
    penalty = np.full(len(names), RIDGE)
    penalty[names.index("bias")] = 1e-3
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (y - p) - penalty * weights
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def scores(cases: list[Case], names: list[str], weights: np.ndarray) -> np.ndarray:
    x = np.array([[case.facts.get(name, 0.0) for name in names] for case in cases])
    return 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))


def isotonic(score: np.ndarray, right: np.ndarray) -> list[tuple[float, float]]:
    """Points of a rising curve from score to probability; each block is drawn towards doubt by one half wrong case."""
    order = np.argsort(score, kind="stable")
    size = max(25, len(score) // 40)
    blocks = []
    for start in range(0, len(order), size):
        part = order[start : start + size]
        blocks.append([float(score[part].mean()), float(right[part].sum()), float(len(part))])
    at = 0
    while at < len(blocks) - 1:
        if blocks[at][1] / blocks[at][2] > blocks[at + 1][1] / blocks[at + 1][2]:
            a, b = blocks[at], blocks.pop(at + 1)
            total = a[2] + b[2]
            blocks[at] = [(a[0] * a[2] + b[0] * b[2]) / total, a[1] + b[1], total]
            at = max(0, at - 1)
        else:
            at += 1
    points, least = [(0.0, 0.0)], 0.0
    for mean, count, total in blocks:
        least = max(least, count / (total + 0.5))
        points.append((round(mean, 5), round(least, 5)))
    return points


def report(rows: list[tuple[Case, float]], least: float, title: str) -> list[str]:
    """Lines of Markdown: how often values of each probability were right, and what acceptance would have done."""
    lines = [f"### {title}", "", "| probability | values | mean | right |", "|---|---|---|---|"]
    for low, high in (
        (0, 0.5),
        (0.5, 0.8),
        (0.8, 0.9),
        (0.9, 0.95),
        (0.95, 0.985),
        (0.985, 0.995),
        (0.995, 1.01),
    ):
        part = [(c, p) for c, p in rows if low <= p < high]
        if part:
            mean, right = np.mean([p for _, p in part]), np.mean([c.right for c, _ in part])
            lines.append(f"| {low:.3f} – {min(high, 1):.3f} | {len(part)} | {mean:.3f} | {right:.3f} |")
    lines += ["", "| level | values not by hand | accepted | wrong among accepted |", "|---|---|---|---|"]
    for level in [*dict.fromkeys(c.level for c, _ in rows), "all"]:
        part = [(c, p) for c, p in rows if level in (c.level, "all")]
        accepted = [c for c, p in part if c.open and p >= least]
        wrong = sum(not c.right for c in accepted)
        share = wrong / max(1, len(accepted))
        lines.append(
            f"| {level} | {len(part)} | {len(accepted) / max(1, len(part)):.1%} | {wrong} ({share:.2%}) |"
        )
    return [*lines, ""]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--hold", type=Path, nargs="*", default=[])
    parser.add_argument("--model", type=Path, default=Path("ocr/calibration/model.json"))
    parser.add_argument("--report", type=Path)
    args = parser.parse_args()
    forms = load_forms()
    least = Reading().accept_confidence
    cases = [case for folder in args.sets for case in cases_of(folder, forms)]
    names = sorted({name for case in cases for name in case.facts})
    documents = sorted({case.document for case in cases})
    out = np.zeros(len(cases))
    for fold in range(FOLDS):
        inside = set(documents[fold::FOLDS])
        rest = [c for c in cases if c.document not in inside]
        held = [i for i, c in enumerate(cases) if c.document in inside]
        out[held] = scores([cases[i] for i in held], names, fit(rest, names))
    curve = isotonic(out, np.array([c.right for c in cases], float))
    weights = fit(cases, names)
    model = Model(dict(zip(names, (round(float(w), 4) for w in weights), strict=True)), curve)
    args.model.write_text(json.dumps({"weights": model.weights, "curve": curve}, indent=1) + "\n", "utf-8")
    printed = [
        (c, model.on_curve(s))
        for c, s in zip(cases, out, strict=True)
        if c.facts.get("gap", 0) == 0 or c.open
    ]
    lines = report(printed, least, f"Cross-validated: {len(documents)} documents, {len(cases)} values")
    held = [case for folder in args.hold for case in cases_of(folder, forms)]
    if held:
        judged = [(c, model.on_curve(s)) for c, s in zip(held, scores(held, names, weights), strict=True)]
        lines += report(
            judged, least, f"Held out: {len({c.document for c in held})} documents, {len(held)} values"
        )
    print("\n".join(lines))
    if args.report:
        text = args.report.read_text("utf-8") if args.report.exists() else ""
        args.report.write_text(text.split("## Measured")[0] + "## Measured\n\n" + "\n".join(lines), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
