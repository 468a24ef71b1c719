"""From the evidence for a value to the probability that it is right.

The model is a logistic regression with one isotonic curve over it, fitted by `bench/calibrate.py` on documents made by
our own generator and stored as `model.json`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ocr.agencies import is_closed_name
from ocr.checks import Report
from ocr.classify import Kind
from ocr.fields.compounds import within_compounds
from ocr.fields.evidence import Found
from ocr.fields.syllables import doubtful_accents, odd_name_syllables, odd_words, shouted_words
from ocr.gazetteer import judge
from schemas.page import PageReading

MODEL = Path(__file__).with_name("model.json")
_BY_KIND = ("sure_word", "mean_word", "page_unsure", "label", "agreeing", "certainty", "changed", "odd", "kind")
"""Evidence that weighs differently for a name, a date or a closed vocabulary."""
_WORDED = frozenset({"name", "place", "agency", "text", "list", "subject", "date_words"})


def features(
    name: str, item: Found, kind: Kind, reading: PageReading | None, report: Report
) -> dict[str, float]:
    """Evidence for one value as numbers between about 0 and 1; `is_<kind>` is 1 for the kind of the value, and
    `<evidence> of <kind>` repeats evidence that weighs differently by kind."""
    words = [t.confidence for t in item.tokens if t.key] or [0.5]
    if item.gap_confidence is not None:
        words = [item.gap_confidence]
    quality = reading.quality if reading else None
    worded = item.kind in _WORDED
    value = item.value or ""
    sure = min(1.0, -math.log10(max(1e-3, 1.0 - min(words))) / 2)
    unjudged = _unjudged(item) if worded else ""
    facts = {
        "bias": 1.0,
        "min_word": min(words),
        "mean_word": sum(words) / len(words),
        "sure_word": sure,
        "sure_worded": sure if worded else 0.0,
        "unsure_words": min(1.0, sum(c < 0.9 for c in words) / 3),
        "label": item.label,
        "valid": float(item.valid),
        "certainty": item.certainty,
        "changed": float(item.certainty < 1.0),
        "agreeing": min(1.0, (report.agreeing.get(name, 0) + item.agreed) / 2),
        "failed": float(bool(report.failed(name))),
        "gap": float(item.gap_confidence is not None),
        "kind": kind.confidence,
        "sharpness": quality.sharpness if quality else 0.0,
        "contrast": quality.contrast if quality else 0.0,
        "long": min(1.0, len(value) / 100),
        "rule": float(item.source == "rule"),
        "accents": min(1.0, doubtful_accents(unjudged) / 2) if worded else 0.0,
        "shouted": min(1.0, float(shouted_words(value))) if item.kind in ("name", "place", "agency") else 0.0,
        "closed": float(item.kind == "agency" and is_closed_name(value)),
        "known": item.known,
        "known_agency": item.known if item.kind == "agency" else 0.0,
        "plain_words": float(item.kind in ("subject", "text") and not unjudged),
        "short_name": float(item.kind == "name" and len(value.split()) < 3),
        "born": float(bool(reading and reading.born_digital)),
        "odd": min(1.0, odd_words(unjudged) / 2) if worded else 0.0,
        "odd_name": min(1.0, float(odd_name_syllables(value))) if item.kind == "name" else 0.0,
        **_page_facts(reading),
        f"is_{item.kind}": 1.0,
    }
    facts["agreeing_accents"] = facts["agreeing"] * facts["accents"]  # the engine repeats an accent it prefers
    return facts | {f"{name} of {item.kind}": facts[name] for name in _BY_KIND}


def _unjudged(item: Found) -> str:
    """The words of a value that neither a known place nor a common word speaks for."""
    words = (item.value or "").split()
    known = within_compounds(item.value or "")
    if item.kind in ("place", "agency"):
        known |= {at for first, last in judge(item.value or "").spans for at in range(first, last + 1)}
    return " ".join(word for at, word in enumerate(words) if at not in known)


def _page_facts(reading: PageReading | None) -> dict[str, float]:
    """How the page as a whole was read: the share of unsure words."""
    words = (
        [w for w in reading.words if any(c.isalpha() for c in w.text) and (w.handwritten or 0) < 0.5]
        if reading
        else []
    )
    if len(words) < 10:
        return {"page_unsure": 0.5}
    return {"page_unsure": min(1.0, 4 * sum(w.confidence < 0.8 for w in words) / len(words))}


@dataclass(frozen=True)
class Model:
    """Weights by feature; `curve` is a list of (score, probability) with rising scores."""

    weights: dict[str, float]
    curve: list[tuple[float, float]]

    def probability(
        self, name: str, item: Found, kind: Kind, reading: PageReading | None, report: Report
    ) -> float:
        facts = features(name, item, kind, reading, report)
        score = sum(self.weights.get(feature, 0.0) * value for feature, value in facts.items())
        return self.on_curve(1 / (1 + math.exp(-max(-30.0, min(30.0, score)))))

    def on_curve(self, score: float) -> float:
        if not self.curve:
            return score
        for (x0, y0), (x1, y1) in zip(self.curve, self.curve[1:], strict=False):
            if score <= x1:
                share = 0.0 if x1 == x0 else max(0.0, (score - x0) / (x1 - x0))
                return y0 + share * (y1 - y0)
        return self.curve[-1][1]


@cache
def load_model() -> Model:
    """The fitted model shipped with the program."""
    facts = json.loads(MODEL.read_text("utf-8"))
    return Model(facts["weights"], [tuple(point) for point in facts["curve"]])
