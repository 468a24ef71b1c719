"""From free words to steps of an answer: each step finds what none before it found, the best answers first.

Order within a step is by time of recording, newest first. So the place of a record depends on the question and on the
record alone, never on how many others there are: that is what keeps pages stable while others write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from storage.search.match import Expression, any_of, but, every
from storage.search.query import Match
from storage.search.terms import LONGEST_TERM, spelled
from storage.search.vocabulary import beginning_with, common, near

WORDS_AT_MOST = 16
BEGINNINGS = 48
"""Words tried for a beginning, the most common ones."""
SPELLINGS = 24
"""Other words tried for a misspelled one."""


@dataclass(frozen=True)
class Tier:
    """One step: an expression and what a result of it is called."""

    match: Match
    expression: Expression


@dataclass(frozen=True)
class Asked:
    """Free words taken apart."""

    sequence: tuple[str, ...]
    """As they stand."""
    accents: tuple[str, ...]
    """Terms of those words that were typed with their marks."""
    prefix: str = ""
    """Mark of terms in which the words are looked for (`n:` for names)."""

    @classmethod
    def of(cls, text: str, prefix: str = "") -> Asked:
        found = spelled(text)[:WORDS_AT_MOST]
        return cls(tuple(w for w, _ in found), tuple(f"^{s}" for _, s in found if s), prefix)

    @property
    def words(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(self.sequence))

    @property
    def all_words(self) -> Expression:
        return every(self._scoped(w) for w in self.words)

    def _scoped(self, word: str) -> str:
        return word if word.startswith("#") else self.prefix + word

    def with_words(self, choices: Sequence[Sequence[str]]) -> Expression:
        """One of the choices in the place of each word."""
        return every(any_of(self._scoped(w) for w in words) for words in choices)


@dataclass
class Spelled:
    """Words tried beside those typed; kept with the place in an answer, so that following pages try the same."""

    beginnings: list[str] = field(default_factory=list)
    others: list[list[str]] = field(default_factory=list)
    """For each word typed, others near it."""


def exact_tiers(asked: Asked) -> list[Tier]:
    """Steps for what has every word as it was typed, accents or not."""
    words, accents = asked.sequence, asked.accents
    whole: Expression = "=" + "_".join(w.removeprefix("#id:") for w in words)[:LONGEST_TERM]
    pairs = [f"_{a}_{b}" for a, b in zip(words, words[1:], strict=False)]
    together = every([asked.all_words, *pairs]) if pairs else None
    if asked.prefix:
        whole = every([whole, asked.all_words])
    steps: list[tuple[Match, Expression]] = []
    if accents:
        steps.append((Match.EXACT, every([whole, *accents])))
        if together:
            steps.append((Match.EXACT, every([together, *accents])))
    steps.append((Match.WHOLE, whole))
    if together:
        steps.append((Match.TOGETHER, together))
    if accents:
        steps.append((Match.WORDS, every([asked.all_words, *accents])))
    steps.append((Match.WORDS, asked.all_words))
    return disjoint(steps)


def disjoint(steps: Sequence[tuple[Match, Expression]]) -> list[Tier]:
    return [
        Tier(match, but(expression, (earlier for _, earlier in steps[:n])))
        for n, (match, expression) in enumerate(steps)
    ]


def beginning_of(asked: Asked, spelled: Spelled) -> Expression | None:
    """Every word, the last one as a beginning."""
    if not spelled.beginnings:
        return None
    return asked.with_words([*([w] for w in asked.words[:-1]), spelled.beginnings])


def misspelled(asked: Asked, spelled: Spelled) -> Expression | None:
    """Every word or one near it."""
    if not any(spelled.others):
        return None
    last = len(asked.words) - 1
    choices = [
        [word, *others, *(spelled.beginnings if n == last else ())]
        for n, (word, others) in enumerate(zip(asked.words, spelled.others, strict=True))
    ]
    return asked.with_words(choices)


def beginnings(connection: sa.Connection, asked: Asked) -> list[str]:
    last = asked.words[-1]
    if len(last) < 2 or not last.isalpha():
        return []
    return beginning_with(connection, last, BEGINNINGS)


def others_near(connection: sa.Connection, asked: Asked) -> list[list[str]]:
    """Words near each one typed. Where some of them are unknown altogether, only those are taken for errors."""
    known = common(connection, asked.words)
    letters = [w for w in asked.words if w.isalpha()]
    unknown = [w for w in letters if w not in known]
    doubtful = set(unknown or letters)
    return [near(connection, w, SPELLINGS) if w in doubtful else [] for w in asked.words]
