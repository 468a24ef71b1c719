"""`sohoa sign batch` as a whole with the keys an office has: the clerk's key file and the agency's key on a token (SoftHSM 2)
or in a remote signing service (CSC API), in production, with timestamps and revocation over HTTP. Pulled tokens, wrong PINs
and services that go down leave nothing half done, and the same command goes on.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from cli.home import SETTINGS_FILE
from flows.coding import coding_of
from flows.copies_desk import open_copy_desk
from flows.digitise import digitise
from flows.sign_batch import sign_batch
from flows.verify import verify_bytes
from schemas.document import DocumentStatus
from schemas.errors import SohoaError
from schemas.settings import load_settings
from schemas.signing import Role, Verdict
from signing import demo_pki
from signing.demo_pki import DemoPki
from signing.pkcs12 import Pkcs12Signer
from tests.agent_at_work import _PROVISION, LIBRARY
from tests.small_papers import decision, separator, tiff
from tests.sohoa_command import ROOT, Ran, environment, small_office
from tests.test_proof_network import Responder
from tests.test_sign_keys import CscStandIn

needs_softhsm = pytest.mark.skipif(LIBRARY is None, reason="SoftHSM 2 is not installed (apt: softhsm2)")
PIN, CSC_PIN = "739155", "1234"
AGENCY, CLERK, OPERATOR = "Ủy ban nhân dân xã Đại Đồng", "Nguyễn Thị Quét", "Lê Thị Văn Thư"


@dataclass
class Office:
    home: Path
    batch: str
    server: Responder

    def keys(self, agency: str) -> None:
        """`keys.toml`: the clerk's file, and `agency` as the lines of its seat."""
        (self.home / "keys.toml").write_text(
            f'[scanner]\nkind = "pkcs12"\nfile = "clerk.p12"\nperson = "{CLERK}"\n'
            f'[agency]\n{agency}\nperson = "{OPERATOR}"\n'
            f'[[delegation]]\nkind = "phan_cong"\nnumber = "12/QĐ-UBND"\nperson = "{OPERATOR}"\nagency = "{AGENCY}"\n'
            'roles = ["agency"]\nproducts = ["so_hoa"]\nvalid_from = 2026-01-01\n',
            "utf-8",
        )

    def sign(self, *secrets_typed: str, **environment_more: str) -> Ran:
        """`sohoa sign batch`, secrets typed one a line."""
        command = [
            sys.executable,
            "-m",
            "cli.main",
            "sign",
            "batch",
            self.batch,
            "--yes",
            "--home",
            str(self.home),
        ]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(**environment_more), capture_output=True, text=True, timeout=120,
            input="".join(f"{secret}\n" for secret in secrets_typed),
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def password(self) -> str:
        return self.server.pki.password

    def standing(self) -> dict[str, int]:
        """How many records are archived with both signatures, and how many have the clerk's only; each is verified."""
        found = {"archived": 0, "clerk": 0, "untouched": 0}
        settings = load_settings(self.home)
        with open_copy_desk(settings, who="lan") as desk:
            for row in desk.catalogue.documents(self.batch):
                assert row.status in (DocumentStatus.CHECKED, DocumentStatus.ARCHIVED)
                half = list(desk.store.list(f"signing/{row.id}/"))
                if row.status is DocumentStatus.ARCHIVED:
                    data, wanted, what = desk.store.get(row.archive.key, row.archive.version), 2, "archived"
                    assert not half and row.version == 2 and desk.store.exists(f"evidence/{row.id}/V2.json")
                else:
                    assert row.version == 1 and not list(desk.store.list(f"evidence/{row.id}/"))
                    found["clerk" if half else "untouched"] += 1
                    if not half:
                        continue
                    data, wanted, what = desk.store.get(half[0].key), 1, ""
                verdict = verify_bytes(data, "x.pdf", settings)
                assert verdict.verdict is Verdict.VALID, verdict.reasons
                assert [s.signer for s in verdict.signatures] == [CLERK, AGENCY][:wanted]
                assert all(s.level == "B-LTA" and not s.demo for s in verdict.signatures)
                if what:
                    found[what] += 1
        return found

    def holds(self, secret: str) -> list[Path]:
        """Files of the home in which a secret stands."""
        return [
            path for path in self.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
        ]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A PKI without a mark of test, its authority, OCSP and lists on loopback; a batch of three checked records."""
    folder = tmp_path_factory.mktemp("seats")
    server = Responder()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(demo_pki, "BASE_URL", server.url)
        named = demo_pki._name
        patched.setattr(demo_pki, "MARK", "Phòng thử")
        patched.setattr(
            demo_pki, "_name", lambda common, organisation="": _unmarked(named(common, organisation), common)
        )
        server.pki = DemoPki.open(folder / "pki", agency=AGENCY, people={Role.SCANNER: CLERK})
    home = small_office(folder / "home")
    text = (home / SETTINGS_FILE).read_text("utf-8")
    changes = {
        '# name = "Cơ quan chưa đặt tên"': f'name = "{AGENCY}"', "# production = false": "production = true",
        '# tsa_url = ""': f'tsa_url = "{server.url}/tsa"', "# network_seconds = 10.0": "network_seconds = 5.0",
    }  # fmt: skip
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    (home / SETTINGS_FILE).write_text(text, "utf-8")
    shutil.copy(server.pki.p12(Role.SCANNER), home / "clerk.p12")
    for room, name in (("anchors", "root"), ("intermediates", "ca")):
        (home / "trust" / room).mkdir(parents=True, exist_ok=True)
        shutil.copy(server.pki.folder / f"{name}.pem", home / "trust" / room)
    (home / "trust" / "anchors" / "root.txt").write_text("PKI của bài kiểm tra")
    scans = folder / "scans"
    scans.mkdir()
    (scans / "chong.tif").write_bytes(tiff(decision(1), separator(), decision(2), separator(), decision(3)))
    settings = load_settings(home)
    batch = digitise([scans], settings).batch
    with open_copy_desk(settings, who="lan") as desk:
        for row in desk.catalogue.documents(batch):
            if row.status is DocumentStatus.REVIEW:
                desk.catalogue.confirm_document(
                    row.id,
                    who="lan",
                    confirm_waiting=True,
                    coding=coding_of(settings),
                    expected_revision=row.revision,
                )
    yield Office(home, batch, server)
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def _unmarked(name, common: str):
    """The same name without the mark: real keys carry none."""
    from cryptography import x509

    parts = [part for part in name if part.oid != x509.NameOID.ORGANIZATIONAL_UNIT_NAME]
    return x509.Name(
        [
            x509.NameAttribute(part.oid, common, _validate=False)
            if part.oid == x509.NameOID.COMMON_NAME
            else part
            for part in parts
        ]
    )


@pytest.fixture
def office(world, tmp_path) -> Office:
    shutil.copytree(world.home, tmp_path / "home")
    world.server.faults = {}
    return Office(tmp_path / "home", world.batch, world.server)


# --- a token ---------------------------------------------------------------------------------------------------------
@dataclass
class Token:
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    @property
    def seat(self) -> str:
        return f'kind = "pkcs11"\nlibrary = "{LIBRARY}"\ntoken = "van-thu"'

    def pull(self) -> None:
        (inside,) = (self.folder / "tokens").iterdir()
        inside.rename(self.folder / "pulled")

    def plug_in(self) -> None:
        (self.folder / "pulled").rename(self.folder / "tokens" / secrets.token_hex(8))


@pytest.fixture
def token(office, tmp_path) -> Token:
    """A SoftHSM token with the agency's key and certificate; named in keys.toml."""
    made = Token(tmp_path / "hsm")
    (made.folder / "tokens").mkdir(parents=True)
    conf = f"directories.tokendir = {made.folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    (made.folder / "softhsm2.conf").write_text(conf)
    pki = office.server.pki
    key, _, _ = pkcs12.load_key_and_certificates(pki.p12(Role.AGENCY).read_bytes(), pki.password.encode())
    plain, der = made.folder / "key.pem", made.folder / "certificate.der"
    plain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    der.write_bytes(pki.certificate(Role.AGENCY).dump())
    util = ["softhsm2-util", "--pin", PIN]
    for command in (
        [*util, "--init-token", "--free", "--label", "van-thu", "--so-pin", "87654321"],
        [*util, "--import", str(plain), "--token", "van-thu", "--label", "van-thu", "--id", "01"],
        [sys.executable, "-c", _PROVISION, LIBRARY, PIN, str(der)],
    ):
        subprocess.run(command, check=True, capture_output=True, env=os.environ | made.environment, cwd=ROOT)
    plain.unlink()
    office.keys(made.seat)
    return made


@needs_softhsm
def test_a_batch_with_the_agencys_key_on_a_token(office, token):
    done = office.sign(office.password, PIN, **token.environment)
    assert done.code == 0, done.err
    assert "Cơ quan đã ký, đã kiểm tra lại và lưu: 3 giấy tờ." in done.out
    assert office.standing() == {"archived": 3, "clerk": 0, "untouched": 0}
    assert "thử nghiệm" not in done.err, "keys of an office are no test keys"
    for secret in (PIN, office.password):
        assert secret not in done.out + done.err and office.holds(secret) == []


@needs_softhsm
@pytest.mark.parametrize("trouble", ["wrong PIN", "no token"])
def test_trouble_with_the_token_is_said_before_anything_is_written(office, token, trouble):
    if trouble == "no token":
        token.pull()
    done = office.sign(office.password, "000000" if trouble == "wrong PIN" else PIN, **token.environment)
    assert done.code == 3 and ("wrong_pin" if trouble == "wrong PIN" else "token_unavailable") in done.err
    assert office.standing() == {"archived": 0, "clerk": 0, "untouched": 3}


_PULLED = """
import json, sys
from pathlib import Path
from flows.copies_desk import open_copy_desk
from flows.sign_batch import sign_batch
from schemas.errors import SohoaError
from schemas.settings import load_settings
home, batch, folder, password, pin, name = sys.argv[1:]
tokens, pulled = Path(folder, "tokens"), Path(folder, "pulled")
asked, said = [], []
def ask(role, what):
    asked.append(str(role))
    return pin if role == "agency" else password
def pull(done, count):
    if done == 1:
        next(tokens.iterdir()).rename(pulled)
with open_copy_desk(load_settings(Path(home)), who="lan", ask_pin=ask) as desk:
    for attempt in range(3):
        try:
            sign_batch(desk, batch, approved_by="lan", progress=pull if attempt == 0 else None)
            said.append("done")
        except SohoaError as error:
            said.append(error.code)
        if attempt == 1:
            pulled.rename(tokens / name)
print(json.dumps({"asked": asked, "said": said}))
"""


@needs_softhsm
def test_a_token_pulled_in_the_middle_and_put_back(office, token):
    """By the command, and by a desk that stays open: it asks for the PIN again and goes on with what is left."""
    kept = office.home.parent / "kept"
    shutil.copytree(office.home, kept)
    arguments = [
        str(office.home),
        office.batch,
        str(token.folder),
        office.password,
        PIN,
        secrets.token_hex(8),
    ]
    done = subprocess.run(
        [sys.executable, "-c", _PULLED, *arguments], cwd=ROOT, env=environment(**token.environment), capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["said"] == ["token_unavailable", "token_unavailable", "done"]
    assert said["asked"] == ["scanner", "agency", "agency", "agency"]
    assert office.standing() == {"archived": 3, "clerk": 0, "untouched": 0}

    # The command: stopped by the pulled token after one file, called again when it is back.
    other = Office(kept, office.batch, office.server)
    stop = _PULLED.replace("for attempt in range(3)", "for attempt in range(1)")
    subprocess.run(
        [sys.executable, "-c", stop, str(kept), *arguments[1:]], cwd=ROOT, env=environment(**token.environment),
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert other.standing() == {"archived": 1, "clerk": 1, "untouched": 1}
    refused = other.sign(office.password, PIN, **token.environment)
    assert refused.code == 3 and "token_unavailable" in refused.err
    assert other.standing() == {"archived": 1, "clerk": 1, "untouched": 1}
    token.plug_in()
    assert other.sign(office.password, PIN, **token.environment).code == 0
    assert other.standing() == {"archived": 3, "clerk": 0, "untouched": 0}


# --- remote signing --------------------------------------------------------------------------------------------------
@pytest.fixture(params=[2])
def service(request, office, monkeypatch):
    server = CscStandIn(request.param)
    server.used = Pkcs12Signer.open(office.server.pki.p12(Role.AGENCY), office.password)
    office.keys(f'kind = "csc"\nurl = "{server.url}"\ncredential = "cred-1"')
    monkeypatch.setenv("SOHOA_CSC_TOKEN", "good-token")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("service", [1, 2], ids=["v1", "v2"], indirect=True)
def test_a_batch_with_the_agencys_key_in_a_remote_service(office, service):
    done = office.sign(office.password, CSC_PIN)
    assert done.code == 0, done.err
    assert office.standing() == {"archived": 3, "clerk": 0, "untouched": 0}
    assert [path for path, _ in service.seen].count("signatures/signHash") == 3
    for secret in ("good-token", office.password):
        assert secret not in done.out + done.err and office.holds(secret) == []


def _signed(office: Office, pin: str = CSC_PIN) -> str:
    """Code of the error, or empty."""
    asked = {Role.SCANNER: office.password, Role.AGENCY: pin}
    with open_copy_desk(load_settings(office.home), who="lan", ask_pin=lambda role, _: asked[role]) as desk:
        try:
            sign_batch(desk, office.batch, approved_by="lan")
        except SohoaError as error:
            return error.code
    return ""


@pytest.mark.parametrize("trouble", ["pin", "token", "down"])
def test_trouble_with_the_service_is_said_and_nothing_half_done(office, service, monkeypatch, trouble):
    if trouble == "down":
        service.fault_after = ("signatures/signHash", 1)  # answers once
    if trouble == "token":
        monkeypatch.setenv("SOHOA_CSC_TOKEN", "bad")
    said = _signed(office, "9999" if trouble == "pin" else CSC_PIN)
    assert said == ("remote_signing_unavailable" if trouble == "down" else "remote_signing_refused")
    left = office.standing()
    assert left["archived"] == (1 if trouble == "down" else 0)
    assert left["clerk"] <= 1 and sum(left.values()) == 3
    service.fault_after = None
    monkeypatch.setenv("SOHOA_CSC_TOKEN", "good-token")
    assert _signed(office) == ""
    assert office.standing() == {"archived": 3, "clerk": 0, "untouched": 0}
