"""An archive with objects of all sorts, two replicas beside it, and what has to hold of it whatever was done to it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.objects import Replica, ReplicaSettings
from schemas.settings import Settings
from schemas.store import ObjectRef, Retention, RetentionMode
from storage.catalogue import Catalogue

UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=900)
KEPT = Retention(mode=RetentionMode.COMPLIANCE, until=UNTIL)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "nhà").mkdir()
    return tmp_path / "nhà"


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> Settings:
    made = Settings(
        home=home,
        replicas=ReplicaSettings(
            places=[replica(tmp_path, "dia-1"), replica(tmp_path, "dia-2", offline=True)]
        ),
    )
    Catalogue.open(made.database).close()
    return made


def replica(tmp_path: Path, label: str, **more) -> Replica:
    return Replica(label=label, url=(tmp_path / label).as_uri(), medium=f"đĩa {label}", **more)


def fill(store, count: int = 12) -> dict[ObjectRef, bytes]:
    """Objects of all sorts: several versions, equal bytes, retention, hold, Vietnamese metadata."""
    numbers, refs = random.Random(4), {}
    for number in range(count):
        data = numbers.randbytes(numbers.choice([10, 3_000, 60_000]))
        kept = KEPT if number % 3 == 0 else Retention(legal_hold=True) if number % 3 == 1 else None
        ref = store.put(
            f"archive/D-{number:03}/V1.pdf", data, media_type="application/pdf",
            metadata={"tên": f"Quyết định {number}"}, retention=kept,
        )  # fmt: skip
        refs[ref] = data
        if number % 4 == 0:
            for text in (b"second", b"third", data):
                refs[store.put(ref.key, text + bytes([number]), new_version=True)] = text + bytes([number])
    refs[store.put("issued/same-1", b"same")] = b"same"
    refs[store.put("issued/same-2", b"same")] = b"same"
    return refs


def whole(store, refs: dict[ObjectRef, bytes]) -> None:
    """Every reference ever given still gives its bytes."""
    for ref, data in refs.items():
        assert store.get(ref.key, ref.version) == data
        assert store.stat(ref.key, ref.version).ref == ref
    assert sorted(store.walk()) == sorted((ref.key, ref.version) for ref in refs)
    for key in {ref.key for ref in refs}:
        assert set(store.versions(key)) == {ref for ref in refs if ref.key == key}
        assert store.get(key) == refs[list(ref for ref in refs if ref.key == key)[-1]]
    assert {ref for ref in store.list()} <= set(refs)


def damage(root: Path, ref: ObjectRef, action: Callable[[Path], None]) -> None:
    path = root / "content" / ref.sha256[0] / ref.sha256[1] / ref.sha256
    path.chmod(0o640)
    action(path)


def spoil(path: Path) -> None:
    path.write_bytes(b"spoilt")


def events(settings: Settings, what: str) -> list:
    with Catalogue.open(settings.database) as catalogue:
        return [event for event in catalogue.events() if event.what == what]
