"""Catalogue against store, both ways: each kind of disagreement is found, named by its code, and nothing is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from flows.sanity import check_sanity
from schemas.keeping import PRIMARY, SANITY
from schemas.store import PlaceState, RetentionMode
from storage.catalogue import tables as t
from storage.keeping.places import Places
from storage.keeping.references import references, refs_in, renamed
from tests.made_archive import damage, small_archive

pytest_plugins = ["catalogue_fixtures"]


@pytest.fixture
def archive(tmp_path, url):
    with small_archive(tmp_path, url, records=3) as made:
        for row in made.catalogue.documents():
            made.store.set_retention(
                row.archive.key, row.archive.version, RetentionMode.COMPLIANCE, datetime.now(UTC) + timedelta(days=9)
            )
        yield made


def codes(archive, **more) -> list[tuple[str, str]]:
    return sorted((f.code, f.object) for f in check_sanity(archive, **more).findings)


def behind_the_catalogue(made, row, **values) -> None:
    with made.catalogue.write() as connection:
        connection.execute(t.documents.update().where(t.documents.c.id == row.id).values(**values))


def test_a_sound_archive_has_no_findings(archive):
    report = check_sanity(archive, hashed=True)
    assert report.findings == [] and report.sound
    assert (report.records, report.objects) == (3, 6) and report.references >= 9


def test_what_the_store_lost(archive):
    one, two, three = archive.catalogue.documents()
    with archive.store._index.write() as connection:
        connection.execute("DELETE FROM versions WHERE key = ?", (one.archive.key,))
        connection.execute("UPDATE versions SET version = 7 WHERE key = ?", (two.archive.key,))
        connection.execute("UPDATE versions SET size = 1 WHERE key = ?", (three.archive.key,))
    assert codes(archive) == sorted(
        [
            ("object_missing", one.archive.key),
            ("version_missing", two.archive.key),
            ("size_differs", three.archive.key),
        ]
    )
    assert not check_sanity(archive).sound


def test_other_bytes_than_the_catalogue_promises(archive):
    row = archive.catalogue.documents()[0]
    wrong = row.archive.model_dump() | {"sha256": "f" * 64}
    behind_the_catalogue(archive, row, archive=wrong)
    assert ("hash_differs", row.archive.key) in codes(archive)


def test_bytes_are_read_on_request_only(archive):
    row = archive.catalogue.documents()[0]
    damage(archive.store, row.archive.sha256)
    assert codes(archive) == []
    assert codes(archive, hashed=True) == [("bytes_differ", row.archive.key)]
    assert archive.store.get(row.archive.key, verify=False) != b""  # nothing was repaired


def test_a_record_and_its_versions(archive):
    one, two, _ = archive.catalogue.documents()
    behind_the_catalogue(archive, one, version=4)
    behind_the_catalogue(archive, two, archive=None)
    assert codes(archive) == [("archived_without_file", two.id), ("versions_disagree", one.id)]


def test_what_nobody_names(archive):
    archive.store.put("archive/D-000000000000/V1.pdf", b"x")
    archive.store.put("signing/D-1/half.pdf", b"y")
    archive.store.put("originals/" + "0" * 64, b"z")
    archive.store.put("evidence/D-1/V1.json", b"{}")
    assert codes(archive) == [
        ("left_over", "originals/" + "0" * 64),
        ("left_over", "signing/D-1/half.pdf"),
        ("orphan", "archive/D-000000000000/V1.pdf"),
    ]
    assert check_sanity(archive).sound  # a person should look, but nothing that was promised is missing


def test_destroyed_and_still_there(archive):
    row = archive.catalogue.documents()[0]
    Places(archive.catalogue).seen(PRIMARY, [row.archive])
    with archive.catalogue.write() as connection:
        Places(archive.catalogue).disposed(connection, [row.archive])
    assert len(Places(archive.catalogue).in_state(PRIMARY, PlaceState.GONE)) == 1
    assert codes(archive) == [("disposed_still_there", row.archive.key)]


def test_an_archived_file_without_protection(tmp_path):
    with small_archive(tmp_path, records=1) as archive:
        key = archive.catalogue.documents()[0].archive.key
        assert codes(archive) == [("retention_missing", key)]


def test_every_table_with_references_is_read(archive):
    """A table added later is covered: references are found by their shape."""
    found = {r.table for r in references(archive.catalogue)}
    assert {"sources", "documents", "document_versions"} <= found
    with archive.catalogue.read() as connection:
        rows = connection.scalar(sa.select(sa.func.count()).select_from(t.document_versions))
    assert sum(r.table == "document_versions" for r in references(archive.catalogue)) == rows


def test_references_inside_outcomes_of_steps():
    ref = {"key": "a", "sha256": "0" * 64, "size": 1, "version": "1"}
    value = {"object": ref, "facts": [{"deep": [ref]}], "key": "b", "version": 2}
    assert [r.key for r in refs_in(value)] == ["a", "a"]
    other = renamed(value, lambda r: r.model_copy(update={"version": "9"}))
    assert [r.version for r in refs_in(other)] == ["9", "9"] and other["version"] == 2


def test_every_code_has_its_words():
    for code, (_, vi, en) in SANITY.items():
        assert code.isidentifier() and vi and en
