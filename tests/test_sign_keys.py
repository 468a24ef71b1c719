"""Where keys are: PKCS#12 files, a real PKCS#11 token (SoftHSM 2), a remote service over HTTP that speaks the CSC API."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pkcs11
import pytest
from asn1crypto import keys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pkcs11 import Attribute, KeyType, ObjectClass, exceptions
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters
from pkcs11.util.rsa import encode_rsa_public_key
from signing_fixtures import (
    AGENCY,
    PEOPLE,
    SETTINGS,
    judged,
    pki,
    prepared_scan,
    request,
    signer,
    timestamper,
)

from schemas.errors import UnreadableFile
from schemas.signing import FIELD_NAMES, KeyKind, Level, Role
from schemas.signing_errors import (
    KeyFileRejected,
    PinLocked,
    RemoteSigningRefused,
    RemoteSigningUnavailable,
    TokenUnavailable,
    WeakKey,
    WrongPin,
)
from signing.identities import Signer, identity_of
from signing.pkcs11 import Pkcs11Signer, _foreign_errors
from signing.pkcs12 import Pkcs12Signer
from signing.remote import CscService, CscSigner
from signing.sign import sign

CLERK, FIELD = PEOPLE[Role.SCANNER], FIELD_NAMES[Role.SCANNER]
DIGEST = bytes(range(32))


def signs(used: Signer, level: Level = Level.B_T) -> None:
    done = sign(
        prepared_scan(), request(Role.SCANNER, level), used, settings=SETTINGS,
        validation=pki().validation_context([used.certificate]), timestamper=timestamper(),
    )  # fmt: skip
    assert judged(done.data, FIELD).bottom_line


# --- PKCS#12 ---------------------------------------------------------------------------------------------------------
def test_key_file():
    used = signer(Role.SCANNER)
    assert isinstance(used, Signer)
    assert [issuer.subject.native["common_name"] for issuer in used.chain] == [
        pki().ca.subject.native["common_name"],
        pki().root.subject.native["common_name"],
    ]
    signs(used)


def test_identity_shows_no_secret():
    shown = identity_of(signer(Role.AGENCY), Role.AGENCY)
    assert (shown.signer, shown.agency, shown.key, shown.demo) == (AGENCY, AGENCY, "RSA-2048", True)
    assert shown.kind is KeyKind.PKCS12
    assert pki().password not in shown.model_dump_json()


def test_wrong_password_and_damaged_file(tmp_path):
    with pytest.raises(KeyFileRejected):
        Pkcs12Signer.open(pki().p12(Role.SCANNER), "wrong")
    (tmp_path / "a.p12").write_bytes(b"rubbish")
    with pytest.raises(KeyFileRejected):
        Pkcs12Signer.open(tmp_path / "a.p12", "")
    with pytest.raises(UnreadableFile):
        Pkcs12Signer.open(tmp_path / "none.p12", "")


def test_other_kinds_of_keys_do_not_sign():
    with pytest.raises(WeakKey):
        Pkcs12Signer(Ed25519PrivateKey.generate(), pki().certificate(Role.SCANNER), ())


# --- PKCS#11 ---------------------------------------------------------------------------------------------------------
LIBRARIES = [
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
]
LIBRARY = next((path for path in LIBRARIES if path.exists()), None)
needs_softhsm = pytest.mark.skipif(LIBRARY is None, reason="SoftHSM 2 is not installed (apt: softhsm2)")
PIN = "482913"


@pytest.fixture(scope="module")
def token(tmp_path_factory) -> str:
    """A token with an RSA and an EC key made on it, and their certificates."""
    home = tmp_path_factory.mktemp("softhsm")
    (home / "tokens").mkdir()
    (home / "softhsm2.conf").write_text(
        f"directories.tokendir = {home / 'tokens'}\nobjectstore.backend = file\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(home / "softhsm2.conf")  # read once, when the library starts
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "van-thu", "--pin", PIN, "--so-pin", "87654321"],
        check=True, capture_output=True,
    )  # fmt: skip
    with pkcs11.lib(str(LIBRARY)).get_token(token_label="van-thu").open(rw=True, user_pin=PIN) as session:
        public, _ = session.generate_keypair(KeyType.RSA, 2048, id=b"\x01", label="rsa", store=True)
        curve = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        elliptic, _ = curve.generate_keypair(id=b"\x02", label="ec", store=True)
        ders = {b"\x01": encode_rsa_public_key(public), b"\x02": encode_ec_public_key(elliptic)}
        for id, der in ders.items():
            if id == b"\x01":
                der = keys.PublicKeyInfo.wrap(der, "rsa").dump()
            certificate, _ = pki().issue(CLERK, AGENCY, public_key=serialization.load_der_public_key(der))
            session.create_object(
                {
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    Attribute.TOKEN: True,
                    Attribute.ID: id,
                    Attribute.LABEL: "certificate",
                    Attribute.SUBJECT: certificate.subject.dump(),
                    Attribute.VALUE: certificate.dump(),
                }
            )
    return "van-thu"


@needs_softhsm
@pytest.mark.parametrize("key", ["rsa", "ec"])
def test_token_signs(token, key):
    with Pkcs11Signer(LIBRARY, token, PIN, key, chain=pki().chain) as used:
        assert isinstance(used, Signer)
        signs(used)


class Watched:
    """A key on the token, and how many were using it at once."""

    def __init__(self, key) -> None:
        self.key, self.inside, self.most = key, 0, 0

    def sign(self, *args, **options) -> bytes:
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.003)
        try:
            return self.key.sign(*args, **options)
        finally:
            self.inside -= 1


@needs_softhsm
def test_token_has_one_queue(token):
    """Several threads, one after the other, and every signature is right."""
    with Pkcs11Signer(LIBRARY, token, PIN, "rsa") as used:
        key = serialization.load_der_public_key(used.certificate.public_key.dump())
        used._key = watched = Watched(used._key)
        made: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: made.extend(used.sign_digests([DIGEST] * 3))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == 18 and watched.most == 1
    for signature in made:
        key.verify(signature, DIGEST, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))


@needs_softhsm
def test_token_errors(token):
    with pytest.raises(WrongPin) as wrong:
        Pkcs11Signer(LIBRARY, token, "000000", "rsa")
    assert "000000" not in str(wrong.value)
    with pytest.raises(TokenUnavailable):
        Pkcs11Signer(LIBRARY, "another token", PIN)
    with pytest.raises(TokenUnavailable):
        Pkcs11Signer(LIBRARY, token, PIN, "no such key")
    with pytest.raises(TokenUnavailable, match="several keys"):
        Pkcs11Signer(LIBRARY, token, PIN)


@needs_softhsm
def test_token_gone_while_signing(token):
    used = Pkcs11Signer(LIBRARY, token, PIN, "rsa")
    used.close()
    with pytest.raises(TokenUnavailable):
        used.sign_digests([DIGEST])


def test_no_driver(tmp_path):
    with pytest.raises(TokenUnavailable):
        Pkcs11Signer(tmp_path / "none.so", "van-thu", PIN)


def test_a_locked_token_is_told_from_a_wrong_pin():
    with pytest.raises(PinLocked), _foreign_errors("token"):
        raise exceptions.PinLocked


# --- remote signing --------------------------------------------------------------------------------------------------
class CscStandIn(ThreadingHTTPServer):
    """Speaks credentials/info, credentials/authorize, signatures/signHash; an authorisation is for its hashes and once."""

    daemon_threads = True

    def __init__(self, version: int) -> None:
        super().__init__(("127.0.0.1", 0), _CscHandler)
        self.version, self.multisign = version, 3
        self.allowed: dict[str, list[str]] = {}
        self.seen: list[tuple[str, dict]] = []
        self.fault = ""
        self.fault_after: tuple[str, int] | None = None
        """(path, how often it answers) before it goes down."""
        self.used = signer(Role.SCANNER)
        self.url = f"http://127.0.0.1:{self.server_port}/csc/v{version}"


class _CscHandler(BaseHTTPRequestHandler):
    server: CscStandIn

    def log_message(self, *_) -> None:
        pass

    def do_POST(self) -> None:
        path = self.path.removeprefix(f"/csc/v{self.server.version}/")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((path, body))
        if self.headers["Authorization"] != "Bearer good-token":
            return self._say(401, {"error": "invalid_token", "error_description": "no"})
        fault, after = self.server.fault, self.server.fault_after
        if after and [one for one, _ in self.server.seen].count(after[0]) > after[1]:
            fault = "down"
        if fault == "slow":
            time.sleep(3)
        if fault == "down":
            return self._say(503, {})
        if fault == "html":
            return self._send(200, b"<html>login</html>")
        if fault == "list":
            return self._send(200, b"[]")
        answer = {
            "credentials/info": self._info,
            "credentials/authorize": self._authorize,
            "signatures/signHash": self._sign,
        }[path](body)
        self._say(*answer)

    def _info(self, body):
        if body["credentialID"] != "cred-1":
            return 400, {"error": "invalid_request"}
        used = self.server.used
        chain = [base64.b64encode(one.dump()).decode() for one in (used.certificate, *used.chain)]
        return 200, {
            "key": {
                "status": "disabled" if self.server.fault == "disabled" else "enabled",
                "algo": ["1.2.840.113549.1.1.5" if self.server.fault == "sha1" else "1.2.840.113549.1.1.11"],
                "len": 2048,
            },
            "cert": {"status": "valid", "certificates": chain},
            "multisign": self.server.multisign,
        }

    def _hashes(self, body) -> list[str]:
        return body["hash" if self.server.version == 1 else "hashes"]

    def _authorize(self, body):
        given = (
            body.get("PIN")
            if self.server.version == 1
            else {one["id"]: one["value"] for one in body["authData"]}.get("PIN")
        )
        if given != "1234":
            return 400, {"error": "invalid_pin", "error_description": f"The PIN {given} is wrong"}
        if body["numSignatures"] != len(self._hashes(body)) or body["numSignatures"] > self.server.multisign:
            return 400, {"error": "invalid_request"}
        permission = base64.b64encode(os.urandom(12)).decode()
        self.server.allowed[permission] = self._hashes(body)
        return 200, {"SAD": permission, "expiresIn": 300}

    def _sign(self, body):
        if self.server.allowed.pop(body["SAD"], None) != self._hashes(body):
            return 400, {"error": "invalid_request", "error_description": "SAD"}
        algorithm = body["hashAlgo" if self.server.version == 1 else "hashAlgorithmOID"]
        assert algorithm == "2.16.840.1.101.3.4.2.1" and body["signAlgo"] == "1.2.840.113549.1.1.11"
        made = self.server.used.sign_digests([base64.b64decode(text) for text in self._hashes(body)])
        if self.server.fault == "short":
            made = made[:-1]
        return 200, {"signatures": [base64.b64encode(one).decode() for one in made]}

    def _say(self, status: int, body: dict) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass  # the client gave up waiting


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def service(request):
    server = CscStandIn(request.param)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def remote(server: CscStandIn, **changes) -> CscSigner:
    facts = {
        "url": server.url, "credential": "cred-1", "token": "good-token", "version": server.version, "pin": "1234",
        "timeout": 5.0,
    }  # fmt: skip
    return CscSigner(CscService(**facts | changes))


def test_remote_signs(service):
    with remote(service) as used:
        assert isinstance(used, Signer)
        signs(used)
    assert [path for path, _ in service.seen] == [
        "credentials/info",
        "credentials/authorize",
        "signatures/signHash",
    ]


def test_remote_batch_asks_once_for_as_many_as_allowed(service):
    digests = [bytes([number]) * 32 for number in range(7)]
    with remote(service) as used:
        made = used.sign_digests(digests)
    assert made == signer(Role.SCANNER).sign_digests(digests)
    assert sum(path == "credentials/authorize" for path, _ in service.seen) == 3


def test_only_digests_leave_the_house(service):
    with remote(service) as used:
        signs(used)
    assert max(len(json.dumps(body)) for _, body in service.seen) < 1000


@pytest.mark.parametrize("changes", [{"token": "bad"}, {"credential": "other"}])
def test_remote_refuses_strangers(service, changes):
    with pytest.raises(RemoteSigningRefused):
        remote(service, **changes)


def test_remote_refuses_a_wrong_pin_and_nobody_repeats_it(service):
    with (
        remote(service, pin="9999") as used,
        pytest.raises(RemoteSigningRefused, match="invalid_pin") as refused,
    ):
        used.sign_digests([DIGEST])
    assert "9999" not in str(refused.value)
    assert "9999" not in repr(used.service) and "good-token" not in repr(used.service)


@pytest.mark.parametrize("fault", ["down", "html", "list"])
def test_remote_wrong_answers(service, fault):
    service.fault = fault
    with pytest.raises(RemoteSigningUnavailable):
        remote(service)


def test_remote_answers_with_too_few_signatures(service):
    service.fault = "short"
    with remote(service) as used, pytest.raises(RemoteSigningUnavailable):
        used.sign_digests([DIGEST, DIGEST])


def test_remote_disabled_credential_and_weak_algorithm(service):
    service.fault = "disabled"
    with pytest.raises(RemoteSigningRefused):
        remote(service)
    service.fault = "sha1"
    with pytest.raises(WeakKey):
        remote(service)


def test_remote_too_slow(service):
    service.fault = "slow"
    begun = time.monotonic()
    with pytest.raises(RemoteSigningUnavailable):
        remote(service, timeout=0.3)
    assert time.monotonic() - begun < 2.9


def test_remote_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RemoteSigningUnavailable):
        CscSigner(CscService(url=f"http://127.0.0.1:{port}/csc/v2", credential="c", token="t", timeout=2))
