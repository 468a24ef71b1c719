"""Words of all records: which exist, how common they are, which are near a misspelled one.

Nothing is ever taken out: a word that no record has any more costs a row and finds nothing.
"""

from __future__ import annotations

import json
import string
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from storage.catalogue.database import insert
from storage.search.tables import search_word_parts, search_words

COUNT_ALL = 2_000
COUNT_ONE_IN = 16
"""How common a word is needs no exact count: all of the first records, then one in sixteen, so that records taken in at
the same time do not wait for each other over the row of `nguyen`."""
LONG = 8
"""Letters from which two errors are forgiven; from SHORT on one is."""
SHORT = 4
_LOCK = 0x50484F42
"""PostgreSQL advisory lock held from writing words to the end of the transaction: writers of new words follow each other,
so two of them never hold words the other one waits for."""
_LISTED = ("a:", "e:", "f:")
"""Filters of which every value is kept: agencies, years in which validity ends and begins."""
_COUNTED = ("k:", "y:", "m:", "u:", "s:", "n:", "e:", "f:", "a:", "b:", "aw:")
_LOOKED_AT = 5_000
"""Words that share a third with a long one and are compared letter by letter, at most."""


def add_words(
    connection: sa.Connection, found: Mapping[str, set[str]], fresh: set[str], known: set[str]
) -> Callable[[], None]:
    """Words of these records (document → terms) join the vocabulary; those of `fresh` documents are counted.

    `known`: words this process has seen committed. Gives what is to be called after the commit, which adds to it.
    """
    words = {w for terms in found.values() for w in terms if w.isalpha() or w.startswith(_LISTED)} - known
    counted_so_far = _seen(connection, [""]).get("", 0)
    one_in = 1 if counted_so_far < COUNT_ALL else COUNT_ONE_IN
    counted = [d for d in fresh if zlib.crc32(d.encode()) % one_in == 0]
    counts = Counter(t for d in counted for t in found[d] if t.isalpha() or t.startswith(_COUNTED))
    new = words - _seen(connection, words).keys()
    if counted or new:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if counted:
            counts[""] = len(counted)
        _write(connection, {w: counts.get(w, 0) for w in new | counts.keys()})
        _write_parts(connection, new)
    return lambda: known.update(words)


def common(connection: sa.Connection, terms: Iterable[str]) -> dict[str, float]:
    """Share of records that have each of these terms, as far as it was counted."""
    seen = _seen(connection, [*terms, ""])
    counted = seen.pop("", 0)
    return {term: n / counted for term, n in seen.items()} if counted else {}


def beginning_with(connection: sa.Connection, beginning: str, limit: int) -> list[tuple[str, int]]:
    """Words that begin so, the most common first, and in how many of the counted records; without that word itself."""
    w = search_words.c
    query = (
        sa.select(w.word, w.seen)
        .where(w.word > beginning, w.word < beginning + "{", w.word.not_like("%:%"))
        .order_by(w.seen.desc(), w.word)
        .limit(limit)
    )
    return [(row.word, row.seen) for row in connection.execute(query).all()]


def values_of(connection: sa.Connection, mark: str) -> list[str]:
    """All terms with one of the marks of which every value is kept."""
    w = search_words.c
    return list(connection.scalars(sa.select(w.word).where(w.word > mark, w.word < mark + "{")).all())


def near(connection: sa.Connection, word: str, limit: int) -> list[tuple[str, int]]:
    """Words that are one error away (two from LONG letters on), the most common first, and in how many of the counted
    records: a letter wrong, missing or too many, or two neighbours swapped. None for words below SHORT letters and for
    numbers."""
    if len(word) < SHORT or not word.isalpha():
        return []
    found = _seen(connection, _one_error(word) if word.isascii() else [])
    far: dict[str, int] = {}
    if len(word) >= LONG:
        p = search_word_parts.c
        keys = {key for spelling in {word, *_swaps(word)} for key in _sought(spelling)}
        query = sa.select(p.word).where(among(connection, p.part, sorted(keys))).limit(_LOOKED_AT)
        sharing = set(connection.scalars(query))
        far = _seen(connection, {w for w in sharing if w not in found and _distance(word, w) <= 2})
    found |= far
    found.pop(word, None)
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))[:limit]


def _seen(connection: sa.Connection, words: Iterable[str]) -> dict[str, int]:
    w, wanted = search_words.c, list(words)
    if not wanted:
        return {}
    query = sa.select(w.word, w.seen).where(among(connection, w.word, wanted))
    return {row.word: row.seen for row in connection.execute(query)}


def among(
    connection: sa.Connection, column: sa.Column, values: Sequence[str | int]
) -> sa.ColumnElement[bool]:
    """`column IN values` with the values in one parameter: the same statement however many there are."""
    if connection.dialect.name == "sqlite":
        return column.in_(
            sa.select(sa.column("value")).select_from(sa.func.json_each(json.dumps(list(values))))
        )
    kind = sa.BigInteger if isinstance(column.type, sa.Integer) else sa.Text
    return column == sa.any_(sa.literal(list(values), postgresql.ARRAY(kind)))


def _write(connection: sa.Connection, seen: Mapping[str, int]) -> None:
    statement = insert(connection, search_words)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["word"],
            set_={"seen": search_words.c.seen + statement.excluded.seen},
            where=statement.excluded.seen > 0,
        ),
        [{"word": word, "seen": seen[word]} for word in sorted(seen)],
    )


def _write_parts(connection: sa.Connection, words: set[str]) -> None:
    rows = [
        {"part": key, "word": w}
        for w in sorted(words)
        if w.isalpha() and len(w) >= LONG - 2
        for key in _kept(w)
    ]
    if rows:
        connection.execute(insert(connection, search_word_parts).on_conflict_do_nothing(), rows)


def _cuts(length: int) -> list[tuple[int, int]]:
    third, rest = divmod(length, 3)
    ends = [third + (rest > 0), 2 * third + (rest > 0) + (rest > 1), length]
    return list(zip([0, *ends], ends, strict=False))


def _kept(word: str) -> list[str]:
    return [f"{i}{len(word)}:{word[a:b]}" for i, (a, b) in enumerate(_cuts(len(word)))]


def _sought(word: str) -> list[str]:
    keys = []
    for length in range(max(LONG - 2, len(word) - 2), len(word) + 3):
        for i, (a, b) in enumerate(_cuts(length)):
            for shift in range(-2, 3):
                if a + shift >= 0 and b + shift <= len(word):
                    keys.append(f"{i}{length}:{word[a + shift : b + shift]}")
    return keys


def _swaps(word: str) -> list[str]:
    return [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]


def _one_error(word: str) -> set[str]:
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    letters = string.ascii_lowercase
    return {
        *_swaps(word),
        *(a + b[1:] for a, b in cuts if b),
        *(a + c + b[1:] for a, b in cuts if b for c in letters),
        *(a + c + b for a, b in cuts for c in letters),
    }


def _distance(a: str, b: str) -> int:
    """Letters wrong, missing, too many, or swapped neighbours between two words."""
    before, row = [], list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(above[j] + 1, row[-1] + 1, above[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        before = above
    return row[-1]
