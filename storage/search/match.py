"""What to look for, as an expression over terms, and how SQLite and PostgreSQL write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_FORBIDDEN = re.compile(r"[^\w^_#:=.\-]")


@dataclass(frozen=True)
class All:
    """Every part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class But:
    """The first holds and none of the others."""

    base: Expression
    without: tuple[Expression, ...]


Expression = str | All | AnyOf | But
"""A term, or terms put together."""


def every(parts: Iterable[Expression]) -> Expression:
    found = tuple(dict.fromkeys(parts))
    return found[0] if len(found) == 1 else All(found)


def any_of(parts: Iterable[Expression]) -> Expression:
    found = tuple(dict.fromkeys(parts))
    return found[0] if len(found) == 1 else AnyOf(found)


def but(base: Expression, without: Iterable[Expression]) -> Expression:
    found = tuple(without)
    return But(base, found) if found else base


def needed(expression: Expression) -> Iterator[str]:
    """Terms without which nothing is found."""
    if isinstance(expression, str):
        yield expression
    elif isinstance(expression, All):
        for part in expression.parts:
            yield from needed(part)
    elif isinstance(expression, But):
        yield from needed(expression.base)


def holds(expression: Expression, terms: frozenset[str]) -> bool:
    """Whether a record with these terms is found."""
    if isinstance(expression, str):
        return _clean(expression) in terms
    if isinstance(expression, All):
        return all(holds(part, terms) for part in expression.parts)
    if isinstance(expression, AnyOf):
        return any(holds(part, terms) for part in expression.parts)
    return holds(expression.base, terms) and not any(holds(part, terms) for part in expression.without)


def fts5(expression: Expression) -> str:
    """As FTS5 of SQLite reads it."""
    if isinstance(expression, str):
        return f'"{_clean(expression)}"'
    if isinstance(expression, But):
        return f"({fts5(expression.base)} NOT {fts5(any_of(expression.without))})"
    word = " AND " if isinstance(expression, All) else " OR "
    return "(" + word.join(fts5(part) for part in expression.parts) + ")"


def tsquery(expression: Expression) -> str:
    """As PostgreSQL reads a tsquery."""
    if isinstance(expression, str):
        return f"'{_clean(expression)}'"
    if isinstance(expression, But):
        return f"({tsquery(expression.base)} & !{tsquery(any_of(expression.without))})"
    word = " & " if isinstance(expression, All) else " | "
    return "(" + word.join(tsquery(part) for part in expression.parts) + ")"


def _clean(term: str) -> str:
    """Quotes and the like never get into a query, whatever made the term."""
    return _FORBIDDEN.sub("_", term)
