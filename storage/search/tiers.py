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
BEGINNINGS = 24
"""Words tried for a beginning, the most common ones."""
SPELLINGS = 24
"""Other words tried for a misspelled one."""
NEARLY_ALL = 0.998
"""Of all places where such words stand: with so many, the rest are misreadings that cost more than they find."""


@dataclass(frozen=True)
class Tier:
    """One step: an expression and what a result of it is called."""

    match: Match
    expression: Expression | None
    """None: whatever the filters leave."""
    known: tuple[int, ...] | None = None
    """Rows of this step, newest first, where they were read already: all of them, or as many as the page needs."""


@dataclass(frozen=True)
class Asked:
    """Free words taken apart."""

    sequence: tuple[str, ...]
    """As they stand."""
    accents: tuple[str, ...]
    """Terms of those words that were typed with their marks."""
    unmarked: tuple[str, ...] = ()
    """The other words."""
    prefix: str = ""
    """Mark of terms in which the words are looked for (`n:` for names)."""

    @classmethod
    def of(cls, text: str, prefix: str = "") -> Asked:
        found = spelled(text)[:WORDS_AT_MOST]
        marked = tuple(f"^{s}" for _, s in found if s)
        return cls(tuple(w for w, _ in found), marked, tuple(w for w, s in found if not s), prefix)

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
    unknown: bool = False
    """The words that have others are known to no record: each of them must be an error. Else one word is taken for an
    error at a time, or a question of common words would cost all their neighbours at once."""


def exact_tiers(asked: Asked) -> list[Tier]:
    """Steps for what has every word as it was typed, accents or not. Each leaves out what those before it find, said as
    shortly as can be: what stands behind a NOT is looked up for every row."""
    words = asked.sequence
    whole: Expression = "=" + "_".join(w.removeprefix("#id:") for w in words)[:LONGEST_TERM]
    pairs = every(f"_{a}_{b}" for a, b in zip(words, words[1:], strict=False)) if len(words) > 1 else None
    marks = every(asked.accents) if asked.accents else None
    # A pair says that there are both words, and a spelling that there is the word.
    together = pairs
    spelled = every([*asked.accents, *asked.unmarked]) if marks else None
    if asked.prefix:
        whole, together, spelled = (part and every([part, asked.all_words]) for part in (whole, together, spelled))
    tiers = []
    if marks:
        tiers.append(Tier(Match.EXACT, every([whole, marks])))
        if together:
            tiers.append(Tier(Match.EXACT, but(every([together, marks]), [whole])))
    tiers.append(Tier(Match.WHOLE, but(whole, _those(marks))))
    if together:
        tiers.append(Tier(Match.TOGETHER, but(together, _those(whole, marks))))
    if spelled:
        tiers.append(Tier(Match.WORDS, but(spelled, _those(whole, pairs))))
    tiers.append(Tier(Match.WORDS, but(asked.all_words, _those(whole, pairs, marks))))
    return tiers


def _those(*parts: Expression | None) -> list[Expression]:
    return [part for part in parts if part is not None]


def beginning_of(asked: Asked, spelled: Spelled) -> Expression | None:
    """Every word, the last one as a beginning."""
    if not spelled.beginnings:
        return None
    return asked.with_words([*([w] for w in asked.words[:-1]), spelled.beginnings])


def misspelled(asked: Asked, spelled: Spelled) -> Expression | None:
    """Words near those typed in their place."""
    if not any(spelled.others):
        return None
    if spelled.unknown:
        choices = [[word, *others] for word, others in zip(asked.words, spelled.others, strict=True)]
        return asked.with_words(choices)
    typed = [[word] for word in asked.words]
    return any_of(
        asked.with_words([*typed[:n], others, *typed[n + 1 :]])
        for n, others in enumerate(spelled.others)
        if others
    )


def beginnings(connection: sa.Connection, asked: Asked) -> list[str]:
    """Words that begin as the last one does."""
    last = asked.words[-1]
    if len(last) < 2 or not last.isalpha():
        return []
    return _usual(beginning_with(connection, last, BEGINNINGS))


def _usual(words: Sequence[tuple[str, int]]) -> list[str]:
    """Without the rare ones, which are many and together next to nothing. `words`: the most common first."""
    enough, so_far, usual = NEARLY_ALL * sum(seen for _, seen in words), 0, []
    for word, seen in words:
        if usual and so_far >= enough and enough:
            break
        usual.append(word)
        so_far += seen
    return usual


def others_near(connection: sa.Connection, asked: Asked, spelled: Spelled) -> None:
    """Adds words near those typed. Where some of them are unknown altogether, only those are taken for errors."""
    known = common(connection, asked.words)
    letters = [w for w in asked.words if w.isalpha()]
    unknown = {w for w in letters if w not in known}
    doubtful = unknown or set(letters)
    spelled.others = [_usual(near(connection, w, SPELLINGS)) if w in doubtful else [] for w in asked.words]
    spelled.unknown = bool(unknown)
