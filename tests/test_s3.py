# ruff: noqa: F811 - fixtures are imported and named as arguments
"""What only an S3 store has: addresses, keys, TLS, parts, links, versions that a delete marker hides, races of writers."""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
import os
import pickle
import random
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.errors import BadSettings, ObjectDamaged, ObjectExists, SetupError, StoreUnavailable, WrongUse
from schemas.objects import S3Settings
from schemas.settings import load_settings
from schemas.store import Retention, RetentionMode
from storage.objects import open_store
from storage.objects.s3 import S3Store
from tests.s3_server import BUCKET, S3Server, s3_keys, s3_server, s3_url  # noqa: F401 - fixtures

KEYS = S3Settings(access_key="AK-secret-1", secret_key="SK-secret-2")
ROOT = Path(__file__).parent.parent


@pytest.fixture
def store(s3_url: str):
    opened = open_store(s3_url)
    yield opened
    opened.close()


class TestAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "s3://b",
            "s3://bucket/x",
            "s3:///x?endpoint=https://host",
            "s3://Bucket/x?endpoint=https://host",
            "s3://bucket/x?endpoint=host",
            "s3://bucket/x?endpoint=https://host/path",
            "s3://bucket/x?endpoint=ftp://host",
            "s3://bucket/x?endpoint=https://host:port",
            "s3://bucket/x?endpoint=https://host&verify=no",
            "s3://bucket/x?endpoint=https://host&region=a%20b",
            "s3://bucket/../x?endpoint=https://host",
            "s3://bucket/%2e%2e/x?endpoint=https://host",
        ],
    )
    def test_what_is_not_an_address(self, url: str) -> None:
        with pytest.raises(BadSettings):
            open_store(url, KEYS)

    @pytest.mark.parametrize("host", ["kho.tinh.example", "192.0.2.7", "[2001:db8::1]", "127.0.0.1.example"])
    def test_without_tls_only_to_this_machine(self, host: str) -> None:
        with pytest.raises(BadSettings, match="TLS"):
            open_store(f"s3://bucket?endpoint=http://{host}", KEYS)
        assert open_store(f"s3://bucket?endpoint=https://{host}:9000", KEYS).address.secure

    @pytest.mark.parametrize("host", ["127.0.0.1:8333", "localhost", "[::1]:1"])
    def test_this_machine(self, host: str) -> None:
        assert open_store(f"s3://bucket/a/b/?endpoint=http://{host}", KEYS).address.prefix == "a/b/"

    def test_one_form(self) -> None:
        first = open_store("s3://bucket/kho lưu/?region=vn-1&endpoint=https://host:9000/", KEYS)
        assert open_store(first.url, KEYS).url == first.url
        assert first.address.prefix == "kho lưu/"

    def test_keys_in_the_address_are_refused_and_not_repeated(self) -> None:
        keys = "AK-secret-1:SK-secret-2"
        for url in (
            f"s3://{keys}@bucket/x?endpoint=https://host",
            f"s3://bucket/x?endpoint=https://{keys}@host",
            "s3://bucket/x?endpoint=https://host&secret=SK-secret-2",
        ):
            with pytest.raises(BadSettings) as refused:
                open_store(url)
            assert "secret-" not in str(refused.value)

    def test_without_keys(self) -> None:
        with pytest.raises(SetupError, match="SOHOA_S3__ACCESS_KEY"):
            open_store("s3://bucket?endpoint=https://host")


class TestSecrets:
    def test_no_key_shows(self, s3_url: str, s3_keys: S3Server, caplog, monkeypatch) -> None:
        caplog.set_level(logging.DEBUG)
        store = open_store(s3_url)
        store.put("k", b"x")
        link = store.presigned("k", store.stat("k").ref.version, 60)
        monkeypatch.setenv("SOHOA_S3__SECRET_KEY", "wrong-secret")
        with pytest.raises(SetupError) as refused:
            open_store(s3_url).get("k")
        shown = [repr(store), repr(store.wire), repr(store.settings), str(store.settings), store.url]
        shown += [str(refused.value), caplog.text, pickle.dumps(store).decode("latin-1")]
        for text in shown:
            assert (
                s3_keys.secret_key not in text
                and s3_keys.access_key not in text
                and "wrong-secret" not in text
            )
        assert "X-Amz-Signature" not in caplog.text and s3_keys.secret_key not in link

    def test_from_the_settings_of_a_home_folder(self, tmp_path: Path, monkeypatch) -> None:
        (tmp_path / "sohoa.toml").write_text(
            '[s3]\naccess_key = "a"\nsecret_key = "from-file"\nattempts = 5\n'
        )
        monkeypatch.setenv("SOHOA_S3__SECRET_KEY", "from-environment")
        settings = load_settings(tmp_path).s3
        assert (settings.access_key, settings.secret_key, settings.attempts) == ("a", "from-environment", 5)
        assert "from-environment" not in repr(load_settings(tmp_path))

    def test_help_does_not_load_the_sdk(self) -> None:
        program = "import sys, storage.objects, cli.main; assert 'minio' not in sys.modules"
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


class TestVersions:
    def test_a_delete_marker_hides_nothing(self, store: S3Store, s3_keys: S3Server) -> None:
        ref = store.put("k", b"kept")
        s3_keys.client().remove_object(BUCKET, f"{store.address.prefix}k")
        assert store.stat("k").ref == ref and store.get("k") == b"kept" and store.exists("k")
        assert store.open("k").read() == b"kept" and store.verify("k") == ref
        assert list(store.list()) == [ref] and store.versions("k") == [ref]
        assert store.put("k", b"kept") == ref, "not written a second time"
        with pytest.raises(ObjectExists):
            store.put("k", b"other")
        second = store.put("k", b"other", new_version=True)
        assert store.versions("k") == [ref, second]

    def test_one_more_version_from_many_writers_at_once(self, store: S3Store) -> None:
        store.put("k", b"first")
        with ThreadPoolExecutor(8) as pool:
            refs = set(pool.map(lambda _: store.put("k", b"second", new_version=True), range(16)))
        assert len(refs) == 1 and len(store.versions("k")) == 2

    def test_other_versions_from_many_writers_are_all_kept(self, store: S3Store) -> None:
        texts = [f"v{number}".encode() for number in range(5)]
        with ThreadPoolExecutor(5) as pool:
            refs = list(pool.map(lambda data: store.put("k", data, new_version=True), texts))
        assert len(set(refs)) == 5 and {store.get("k", ref.version) for ref in refs} == set(texts)

    def test_what_others_put_there_has_no_hash_and_is_never_trusted(
        self, store: S3Store, s3_keys: S3Server
    ) -> None:
        s3_keys.client()._put_object(BUCKET, f"{store.address.prefix}k", b"foreign", {})
        assert store.stat("k").ref.sha256 == ""
        assert store.get("k", verify=False) == b"foreign"
        for action in (lambda: store.get("k"), lambda: store.verify("k")):
            with pytest.raises(ObjectDamaged):
                action()


class TestLarge:
    @pytest.fixture
    def store(self, s3_url: str, s3_keys: S3Server) -> S3Store:
        settings = S3Settings(
            access_key=s3_keys.access_key,
            secret_key=s3_keys.secret_key,
            single_put_bytes=1_000_000,
            part_bytes=5_242_880,
        )
        return open_store(s3_url, settings)

    @pytest.mark.parametrize("size", [1_000_000, 1_000_001, 2 * 5_242_880, 2 * 5_242_880 + 1])
    def test_in_parts(self, store: S3Store, tmp_path: Path, size: int) -> None:
        data = random.Random(size).randbytes(size)
        path = tmp_path / "scan.tif"
        path.write_bytes(data)
        until = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=1)
        kept = Retention(mode=RetentionMode.COMPLIANCE, until=until, legal_hold=True)
        ref = store.put("large", path, media_type="image/tiff", metadata={"tên": "Bản vẽ"}, retention=kept)
        assert (ref.size, store.get("large")) == (size, data)
        stat = store.stat("large")
        assert (stat.retention, stat.media_type, stat.metadata) == (kept, "image/tiff", {"tên": "Bản vẽ"})
        with path.open("rb") as stream:
            assert store.put("large", stream) == ref
        with pytest.raises(ObjectExists):
            store.put("large", data[1:])

    def test_two_writers(self, store: S3Store) -> None:
        one, two = (random.Random(seed).randbytes(6_000_000) for seed in (1, 2))

        def write(data: bytes) -> bool:
            try:
                store.put("k", data)
            except ObjectExists:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(write, [one, two])) == [False, True]
        assert len(store.versions("k")) == 1 and store.verify("k")


def test_metadata_that_does_not_fit(store: S3Store) -> None:
    with pytest.raises(WrongUse):
        store.put("k", b"x", metadata={"tên": "ế" * 400})
    assert not store.exists("k")


class TestLinks:
    def test_one_version_for_a_while(self, store: S3Store) -> None:
        first = store.put("hồ sơ/a b.pdf", b"first")
        store.put("hồ sơ/a b.pdf", b"second", new_version=True)
        link = store.presigned("hồ sơ/a b.pdf", first.version, 60)
        with urllib.request.urlopen(link) as answer:
            assert answer.read() == b"first"
        for wrong in (
            link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
            link[:-1] + ("0" if link[-1] != "0" else "1"),
        ):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(wrong)

    @pytest.mark.parametrize("seconds", [0, -1, 24 * 3600 + 1])
    def test_not_for_ever(self, store: S3Store, seconds: int) -> None:
        ref = store.put("k", b"x")
        with pytest.raises(WrongUse):
            store.presigned("k", ref.version, seconds)


@pytest.fixture
def tls(s3_keys: S3Server, tmp_path: Path):
    """The server behind TLS with a certificate of our own; (port, path of the certificate)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kho")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "kho.pem"
    encoded = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "kho.key").write_bytes(key.private_bytes(encoded, *plain))
    pem.write_bytes(certificate.public_bytes(encoded))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, tmp_path / "kho.key")
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                client = context.wrap_socket(client, server_side=True)
            except OSError:
                continue
            server = socket.create_connection(("127.0.0.1", s3_keys.port))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], pem
    listener.close()


def test_tls(tls, s3_keys: S3Server, monkeypatch) -> None:
    port, pem = tls
    url = f"s3://{BUCKET}/t-{os.urandom(4).hex()}?endpoint=https://127.0.0.1:{port}&region=us-east-1"
    monkeypatch.setenv("SOHOA_S3__ATTEMPTS", "1")
    with pytest.raises(StoreUnavailable, match="certificate"):
        open_store(url).put("k", b"x")
    monkeypatch.setenv("SOHOA_S3__CA_FILE", str(pem))
    store = open_store(url)
    ref = store.put("k", b"over TLS")
    assert store.get("k") == b"over TLS" and store.verify("k") == ref
    assert store.put("large", random.Random(1).randbytes(3_000_000)).size == 3_000_000


@pytest.mark.bench  # SeaweedFS tries by itself for 13 s before it says that it cannot read
def test_a_flipped_bit_on_the_servers_disk_is_damage(s3_keys: S3Server, store: S3Store) -> None:
    store.settings.attempts = 1
    data = random.Random(77).randbytes(50_000)
    ref = store.put("k", data)
    found = 0
    for volume in (s3_keys.folder / "data").rglob("*.dat"):
        at = volume.read_bytes().find(data[20_000:20_064])
        if at >= 0:
            found += 1
            with volume.open("r+b") as stream:
                stream.seek(at)
                stream.write(bytes([data[20_000] ^ 1]))
    assert found == 1
    for action in (lambda: store.get("k"), lambda: store.verify("k")):
        with pytest.raises(ObjectDamaged):
            action()
    repaired = store.repair("k", ref.version, data)
    assert repaired.version != ref.version and store.get("k") == data
