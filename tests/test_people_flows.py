"""The door as the command and the portal use it: who sits here, what is masked, what is written down, real seals, the doctor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from made_catalogue import field, paper, recorded, source

from cli.home import make_home
from cli.main import main
from flows import audit
from flows import people as door
from flows.doctor import Result, examine
from flows.export import record_facts
from flows.masking import masked_value, personal_class, without_numbers
from schemas.people import Actor, Grant, Right, Role, _acting, working_as
from schemas.people_errors import NotAllowed
from schemas.settings import Settings, load_settings
from schemas.signing_errors import TimestampUnavailable
from storage.catalogue import Catalogue

NUMBER = "036199001234"
GOOD = "con trâu ăn cỏ ven sông"


@pytest.fixture(autouse=True)
def nobody_acting():
    before = _acting.set(None)
    yield
    _acting.reset(before)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_home(tmp_path / "nha")
    return tmp_path / "nha"


@pytest.fixture
def office(home: Path) -> Settings:
    return load_settings(home)


def with_users(settings: Settings, **logins: tuple[Role, ...]) -> None:
    with door.open_people(settings) as people:
        for login, roles in logins.items():
            user = people.users.add(f"Cán bộ {login}", login, by=Actor.system())
            for role in roles:
                people.users.give_role(user.id, role, by=Actor.system())


def a_record(settings: Settings) -> str:
    fields = {
        "ho_ten": field("Nguyễn Thị Ánh"), "ngay_sinh": field("1999-05-02"), "so_dinh_danh": field(NUMBER),
        "me_noi_cu_tru": field("xã Đại Đồng"), "so_ky_hieu": field("12/QĐ-UBND"), "dan_toc": field("Tày"),
        "trich_yeu": field(f"Về việc của bà Ánh, căn cước số {NUMBER}"),
    }  # fmt: skip
    with Catalogue.open(settings.database) as catalogue:
        return recorded(catalogue, paper([1], fields=fields, text=f"Nguyễn Thị Ánh {NUMBER}"))[0].id


class TestWhoSitsHere:
    def test_without_users_whoever_sits_here_has_all_rights(self, office: Settings) -> None:
        actor = door.actor_here(office, unnamed="lan")
        assert (actor.who, actor.via) == ("lan", "cli") and all(actor.may(right) for right in Right)
        assert door.actor_here(office, "bình").who == "bình"

    def test_with_users_the_login_of_the_computer_counts(self, office: Settings, monkeypatch) -> None:
        with_users(office, may1=(Role.CHECKER,), lan=(Role.ADMINISTRATOR,))
        monkeypatch.setattr(door, "os_login", lambda: "MAY1")
        actor = door.actor_here(office, unnamed="lan")
        assert actor.login == "may1" and actor.may(Right.CHECK) and not actor.may(Right.MANAGE_USERS)
        assert door.actor_here(office, "Cán bộ may1").id == actor.id
        with pytest.raises(NotAllowed):
            door.actor_here(office, "lan")
        monkeypatch.setattr(door, "os_login", lambda: "nguoi-la")
        with pytest.raises(NotAllowed):
            door.actor_here(office)

    def test_the_environment_does_not_say_who_it_is(self, monkeypatch) -> None:
        true = door.os_login()
        for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER", "SOHOA_USER"):
            monkeypatch.setenv(name, "quan-tri")
        assert door.os_login() == true != "quan-tri"

    def test_commands_refuse_whom_nobody_knows(
        self, home: Path, office: Settings, monkeypatch, capsys
    ) -> None:
        record = a_record(office)
        with_users(office, lan=(Role.ADMINISTRATOR,))
        monkeypatch.setattr(door, "os_login", lambda: "nguoi-la")
        commands = (
            ["show", record], ["find", "anh"], ["review", "list"], ["review", "show", record], ["export", record, "--to", str(home / "ra")],
            ["sign", "batch", "B-1", "--yes"], ["copy", "list"], ["quarantine", "list"], ["digitise", str(home)], ["batch", "list"],
            ["user", "list"], ["token", "list"], ["audit", "list"], ["audit", "check"], ["audit", "seal"],
        )  # fmt: skip
        for command in commands:
            with pytest.raises(SystemExit) as left:
                main([*command, "--home", str(home)])
            said = capsys.readouterr()
            assert left.value.code == 3 and "not_allowed" in said.err, (command, said.err)
            assert "Ánh" not in said.out + said.err

    def test_another_role_is_not_enough(self, home: Path, office: Settings, monkeypatch, capsys) -> None:
        record = a_record(office)
        with_users(office, thue=(Role.OPERATOR,), lan=(Role.ADMINISTRATOR,))
        monkeypatch.setattr(door, "os_login", lambda: "thue")
        for command in (
            ["show", record],
            ["review", "show", record],
            ["copy", "list"],
            ["sign", "batch", "x", "--yes"],
        ):
            with pytest.raises(SystemExit) as left:
                main([*command, "--home", str(home)])
            assert left.value.code == 3 and "not_allowed" in capsys.readouterr().err, command
        with pytest.raises(SystemExit):
            main(["find", "anh", "--home", str(home)])
        assert record not in capsys.readouterr().out, "only what they scanned themselves"


    def test_an_operator_sees_and_decides_on_no_stack_but_their_own(self, office: Settings, home, monkeypatch, capsys) -> None:
        """Names of files are names of people."""
        with_users(office, thue=(Role.OPERATOR,), lan=(Role.SCANNER, Role.ADMINISTRATOR))
        stacks = {}
        with door.open_people(office) as people:
            for login in ("thue", "lan"):
                user = people.users.get(login)
                with working_as(people.users.actor(user.id, via="cli")):
                    batch = people.catalogue.start_batch(f"hồ sơ {login}", who=login).id
                    file = people.catalogue.add_file(batch, f"Nguyễn Thị Ánh {login}.pdf", source())
                    entry = people.catalogue.quarantine_add(file.id, "empty_file")
                stacks[login] = (batch, entry.id)

        def run(who: str, *command: str) -> tuple[int, str]:
            monkeypatch.setattr(door, "os_login", lambda: who)
            with pytest.raises(SystemExit) as left:
                main([*command, "--home", str(home)])
            said = capsys.readouterr()
            return left.value.code, said.out + said.err

        listed = {
            who: [item["id"] for item in json.loads(run(who, kind, "list", "--json")[1])[name]]
            for who in stacks
            for kind, name in (("batch", "batches"),)
        }
        assert listed == {"thue": [stacks["thue"][0]], "lan": [stacks["lan"][0], stacks["thue"][0]]}
        assert "lan.pdf" not in run("thue", "quarantine", "list")[1] and "lan.pdf" in run("lan", "quarantine", "list")[1]
        batch, entry = stacks["lan"]
        for command in (
            ("quarantine", "show", entry), ("quarantine", "retry", entry), ("quarantine", "drop", entry, "--reason", "x"),
            ("batch", "close", batch, "--reason", "x"),
        ):  # fmt: skip
            code, said = run("thue", *command)
            assert code == 3 and "not_allowed" in said and "Ánh" not in said, command
        assert run("thue", "quarantine", "show", stacks["thue"][1])[0] == 0
        assert run("lan", "quarantine", "drop", stacks["thue"][1], "--reason", "tệp rỗng")[0] == 0

    def test_who_scans_does_not_sign_for_the_agency(self, office: Settings, home, monkeypatch, capsys) -> None:
        """The agency's key is the registrar's (NĐ 30/2020 Điều 32)."""
        with_users(office, quet=(Role.SCANNER,), thu=(Role.REGISTRAR,), lan=(Role.ADMINISTRATOR,))
        with Catalogue.open(office.database) as catalogue:
            batch = catalogue.start_batch("lô").id

        def sign(who: str, *more: str) -> tuple[int, str]:
            monkeypatch.setattr(door, "os_login", lambda: who)
            with pytest.raises(SystemExit) as left:
                main(["sign", "batch", batch, *more, "--home", str(home)])
            return left.value.code, capsys.readouterr().err

        code, said = sign("quet", "--role", "agency", "--yes")
        assert code == 3 and "not_allowed" in said and "register" in said
        monkeypatch.setattr("typer.confirm", lambda text, **_: print(text, file=sys.stderr))
        assert "(người sao chụp)" in sign("quet")[1] and "(người sao chụp, cơ quan)" in sign("thu")[1]


class TestMasking:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [("so_dinh_danh", "identity"), ("cha_so_dinh_danh", "identity"), ("vo_giay_to", "identity"),
         ("nguoi_di_khai_tu_giay_to", "identity"), ("con_nuoi_giay_to_tuy_than", "identity"), ("ma_so_ho_kinh_doanh", "identity"),
         ("ngay_sinh_bang_chu", "birth"), ("me_nam_sinh", "birth"), ("dien_thoai", "contact"), ("muc_do_khuyet_tat", "sensitive"),
         ("nguyen_nhan_chet", "sensitive"), ("cha_dan_toc", "sensitive"), ("noi_cu_tru_cuoi_cung", "address"), ("vo_ho_ten", "name"),
         ("chu_ho", "name"), ("nguoi_ky", None), ("so_ky_hieu", None), ("ngay_ban_hanh", None), ("so_giay_chung_nhan_dat", None)],
    )  # fmt: skip
    def test_classes(self, name: str, kind: str | None) -> None:
        assert personal_class(name) == kind

    def test_values(self) -> None:
        classes = ("identity", "birth", "name")
        assert masked_value("so_dinh_danh", NUMBER, classes) == "•••234"
        assert masked_value("so_dinh_danh", "B1234567", classes) == "•••"
        assert masked_value("ho_ten", "Nguyễn Thị Ánh", classes) == "N• T• Á•"
        assert masked_value("ngay_sinh", {"value": "1999-05-02", "printed": "02/05/1999", "page": 1}, classes) == {
            "value": "•••", "printed": "•••", "page": 1,
        }  # fmt: skip
        assert masked_value("trich_yeu", f"bà Ánh, số {NUMBER}", classes) == "bà Ánh, số •••234"
        assert masked_value("trich_yeu", None, classes) is None
        assert (
            without_numbers("036 199 001 234, 123456789; 2026; 1234567890")
            == "•••234, •••789; 2026; 1234567890"
        )

    def test_a_record_for_who_need_not_see_it(self, office: Settings) -> None:
        record = a_record(office)
        manager = Actor(
            "P-1",
            "M",
            frozenset({Role.MANAGER}),
            None,
            "m",
            "portal",
            (Grant(frozenset({Right.SEARCH}), None),),
        )
        with Catalogue.open(office.database) as catalogue:
            row = catalogue.document(record)
            facts = door.masked_record(record_facts(row), manager, office)
            shown = json.dumps(facts, ensure_ascii=False) + str(
                door.masked_row(catalogue, row, manager, office)
            )
            for secret in (NUMBER, "1999-05-02", "Tày"):
                assert secret not in shown
            assert "12/QĐ-UBND" in shown and "Nguyễn Thị Ánh" in shown, (
                "names are not masked unless the office wants it"
            )
            office.people.masked.extend(["name", "address"])
            hidden = str(door.masked_row(catalogue, row, manager, office).fields["ho_ten"])
            assert "Nguyễn" not in hidden
            whole = door.masked_record(record_facts(row), Actor.local("lan"), office)
            assert whole == record_facts(row)

    def test_who_took_it_in_has_the_paper_in_their_hands(self) -> None:
        clerk = Actor(
            "P-1", "L", frozenset(), "U-1", "l", "cli", (Grant(frozenset({Right.SCAN}), frozenset({"U-1"})),)
        )
        assert door.sees_personal(clerk, "U-1", "P-1") and not door.sees_personal(clerk, "U-1", "P-2")
        assert not door.sees_personal(clerk, "", "")

    def test_the_command_masks_and_refuses_pictures(
        self, home: Path, office: Settings, monkeypatch, capsys
    ) -> None:
        record = a_record(office)
        with_users(office, sep=(Role.MANAGER,), lan=(Role.ADMINISTRATOR,))
        monkeypatch.setattr(door, "os_login", lambda: "sep")
        for command in (
            ["show", record],
            ["show", record, "--json"],
            ["find", "anh"],
            ["find", "anh", "--json"],
        ):
            with pytest.raises(SystemExit) as left:
                main([*command, "--home", str(home)])
            said = capsys.readouterr()
            assert left.value.code == 0, said.err
            assert NUMBER not in said.out and "1999" not in said.out and "02/05" not in said.out, command
        with pytest.raises(SystemExit):
            main(["show", record, "--png", str(home / "x.png"), "--home", str(home)])
        assert not (home / "x.png").exists()


class TestLooks:
    def test_looks_and_downloads_are_in_the_chain(self, home: Path, office: Settings, capsys) -> None:
        record = a_record(office)
        for command in (["show", record], ["find", "anh"], ["review", "show", record]):
            with pytest.raises(SystemExit):
                main([*command, "--home", str(home)])
        with door.open_people(office) as people:
            door.downloaded(people.catalogue, Actor.local("lan"), record, "hồ sơ H26.12-261122-0001")
            rows = people.audit.rows(object=record)
            found = [(r.action, r.via) for r in rows]
            assert NUMBER not in str(people.audit.rows(limit=None)) and "Ánh" not in str(
                people.audit.rows(limit=None)
            )
        assert found[:4] == [("downloaded", "cli"), ("looked", "cli"), ("found", "cli"), ("looked", "cli")]

    def test_what_cannot_be_written_down_is_not_shown(
        self, home: Path, office: Settings, monkeypatch, capsys
    ) -> None:
        record = a_record(office)
        with Catalogue.open(office.database) as catalogue, catalogue.write() as connection:
            connection.execute(
                sa.text("CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no'); END")
            )
        with pytest.raises(SystemExit) as left:
            main(["show", record, "--home", str(home)])
        said = capsys.readouterr()
        assert left.value.code == 3 and "Ánh" not in said.out

    def test_no_personal_data_and_no_secret_in_the_log(
        self, home: Path, office: Settings, monkeypatch, capsys
    ) -> None:
        a_record(office)
        for command in (
            ["find", NUMBER, "--debug"],
            ["show", NUMBER, "--debug"],
            ["user", "add", "Ánh", "--login", "ánh", "--debug"],
        ):
            with pytest.raises(SystemExit):
                main([*command, "--home", str(home)])
        log = home / "sohoa.log"
        assert NUMBER not in log.read_text("utf-8") and "Ánh" not in log.read_text("utf-8")


class TestSeals:
    def test_a_real_timestamp_seals_and_openssl_agrees(self, office: Settings, tmp_path: Path) -> None:
        with Catalogue.open(office.database) as catalogue:
            catalogue.start_batch("lô")
        made = audit.seal(office, Actor.system())
        found = audit.check(office)
        assert found.whole and found.problems == [] and found.sealed_to == made.seq
        assert audit.export(office, tmp_path / "ra", Actor.local("lan"))[1] == 1
        statement = next((tmp_path / "ra" / "seals").glob("*.json"))
        pki = office.home / "demo-pki"
        said = subprocess.run(
            ["openssl", "ts", "-verify", "-data", statement, "-in", statement.with_suffix(".tst"), "-token_in",
             "-CAfile", pki / "root.pem", "-untrusted", pki / "ca.pem"], capture_output=True, text=True,
        )  # fmt: skip
        assert "Verification: OK" in said.stdout, said.stderr
        lines = [
            json.loads(line) for line in (tmp_path / "ra" / "audit.jsonl").read_text("utf-8").splitlines()
        ]
        assert [line["seq"] for line in lines] == list(range(len(lines), 0, -1))

    def test_a_seal_with_the_token_of_another_statement(self, office: Settings) -> None:
        from storage.objects import open_store

        for _ in range(2):
            with Catalogue.open(office.database) as catalogue:
                catalogue.start_batch("lô")
            audit.seal(office, Actor.system())
        store = open_store(office.store)
        first, second = sorted(ref.key for ref in store.list("audit/seals/"))
        token = json.loads(store.get(first))["token"]
        forged = json.dumps(
            json.loads(store.get(second)) | {"token": token},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )
        path = office.home / "gia"
        from storage.objects import LocalStore

        with door.open_people(office) as people:
            fake = LocalStore(path)
            fake.put(first, store.get(first))
            fake.put(second, forged.encode())
            from flows.sign_desk import SignDesk

            with SignDesk(office) as keys:
                problems = people.audit.check(fake, audit.Judge(office, keys)).problems
        assert [(p.kind, p.detail) for p in problems] == [("seal_broken", "timestamp_hash_failure")]

    def test_production_without_an_authority_seals_nothing(self, office: Settings) -> None:
        with Catalogue.open(office.database) as catalogue:
            catalogue.start_batch("lô")
        strict = office.model_copy(update={"signing": office.signing.model_copy(update={"production": True})})
        with pytest.raises(TimestampUnavailable):
            audit.seal(strict, Actor.system())


class TestDoctor:
    def test_it_says_who_may_work_here_and_whether_the_chain_holds(
        self, office: Settings, monkeypatch
    ) -> None:
        def of(code: str):
            return next(f for f in examine(office) if f.code == code)

        with Catalogue.open(office.database) as catalogue:
            catalogue.start_batch("lô")
        import flows.doctor as doctor

        wanted = {k: v for k, v in doctor._CHECKS.items() if v in (doctor._people, doctor._audit)}
        monkeypatch.setattr(doctor, "_CHECKS", wanted)
        assert "chưa khai người dùng" in of("people").found and of("audit").result is Result.OK
        with_users(office, ai=(Role.ADMINISTRATOR,))
        assert of("people").result is Result.WARNING
        with Catalogue.open(office.database) as catalogue, catalogue.write() as connection:
            connection.execute(sa.text("DROP TRIGGER audit_log_no_update"))
            connection.execute(sa.text("UPDATE audit_log SET who = 'x' WHERE seq = 1"))
        assert of("audit").result is Result.FAILED


def test_users_and_tokens_by_the_command(home: Path, office: Settings, monkeypatch, capsys) -> None:
    """A password never stands in an argument, a secret is shown once."""
    import io

    def run(*arguments: str, stdin: str = "", code: int = 0) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as left:
            main([*arguments, "--home", str(home)])
        said = capsys.readouterr()
        assert left.value.code == code, (arguments, said.err)
        return said.out + said.err

    monkeypatch.setenv("SOHOA_PEOPLE__HASH_KIB", "1024")
    told = run("user", "code")
    one_time = next(word for word in told.split() if word.count("-") == 4)
    me = door.os_login()
    assert "code_refused" in run("user", "add", "Lan", "--login", me, stdin="SAI\n", code=3)
    run(
        "user",
        "add",
        "Nguyễn Thị Lan",
        "--login",
        me,
        "--role",
        "auditor",
        "--password-stdin",
        stdin=f"{one_time}\n{GOOD}\n",
    )
    run("unit", "add", "UBND xã Đại Đồng", "--code", "H26.12", "--level", "commune")
    run("user", "add", "Trần Văn Bình", "--login", "binh", "--unit", "H26.12", "--role", "api_client")
    assert "weak_password" in run("user", "password", "binh", "--password-stdin", stdin="ngắn\n", code=2)
    run("user", "password", "binh", "--password-stdin", stdin=f"{GOOD}\n")
    told = run(
        "token", "add", "Một cửa", "--scope", "api_get", "--unit", "H26.12", "--for", "binh", "--days", "30"
    )
    secret = next(word for word in told.split() if word.startswith("sohoa_"))
    assert secret not in run("token", "list") + run("token", "list", "--json")
    token = json.loads(run("token", "list", "--json"))["tokens"][0]["id"]
    with door.open_people(load_settings(home)) as people:
        assert door.token_actor(people, secret).login == "binh"
        assert door.login(people, "BINH", GOOD).secret
    run("token", "revoke", token)
    run("user", "lock", "binh", "--reason", "nghỉ phép")
    run("user", "unlock", "binh")
    run("user", "role", "binh", "checker", "--unit", "H26.12", "--own-only")
    run("user", "role", "binh", "checker", "--unit", "H26.12", "--take")
    run("user", "disable", "binh", "--reason", "chuyển công tác")
    run("unit", "close", "H26.12", "--day", "2026-12-31")
    assert "đã thôi" in run("user", "list") and "2026-12-31" in run("unit", "list")
    listed = json.loads(run("audit", "list", "--json", "--limit", "200"))["rows"]
    assert {"token_issued", "token_revoked", "user_locked", "user_disabled", "unit_closed"} <= {
        r["action"] for r in listed
    }
    assert GOOD not in str(listed) and secret not in str(listed) and one_time not in str(listed)
    assert json.loads(run("audit", "check", "--json"))["whole"] is True
