"""People against those who want to be somebody else: names, passwords, what refusals tell, lock-out."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from people_office import GOOD, OTHER, QUICK, ROOT, lan, refused

from flows import people as door
from flows import people_manage as manage
from flows.people import People
from schemas.people import ROLE_RIGHTS, TOKEN_SCOPES, PeopleSettings, Right, Role
from schemas.people_errors import (
    LoginRefused,
    LoginTaken,
    TooManyAttempts,
    WeakPassword,
)
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.people import FirstCode, UserStatus, lockout, tokens
from storage.people.logins import folded, login_of, skeleton
from storage.people.passwords import Passwords, check_strength

pytest_plugins = ["catalogue_fixtures", "people_fixtures"]


# --- roles -----------------------------------------------------------------------------------------------------------
def test_what_each_role_may_not():
    assert ROLE_RIGHTS[Role.OPERATOR] == {Right.SCAN}
    for role in Role:
        assert (Right.CERTIFY in ROLE_RIGHTS[role]) == (role is Role.CERTIFIER)
        assert (Right.REGISTER in ROLE_RIGHTS[role]) == (role is Role.REGISTRAR)
        assert (Right.MANAGE_USERS in ROLE_RIGHTS[role]) == (role is Role.ADMINISTRATOR)
    watched = {Right.SEARCH, Right.SEE_PERSONAL, Right.AUDIT}
    assert not watched & ROLE_RIGHTS[Role.ADMINISTRATOR], (
        "an administrator must not read papers or judge their own deeds"
    )
    assert Right.SEE_PERSONAL not in ROLE_RIGHTS[Role.MANAGER] | ROLE_RIGHTS[Role.AUDITOR]
    assert not TOKEN_SCOPES & {Right.MANAGE_USERS, Right.CERTIFY, Right.REGISTER, Right.SIGN, Right.AUDIT}


# --- names -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "typed",
    ["LAN", " lan ", "ｌａｎ", "Lan", "ＬＡＮ"],
)
def test_one_spelling_of_a_login(typed):
    assert login_of(typed) == "lan"


@pytest.mark.parametrize(
    "twin",
    [
        "lаn",
        "lan\u200b",
        "ⅼan",
        "1an",
        "Ian",
        "l.an",
        "lán",
        "l-a-n",
        "LAN",
        "ｌａｎ",
        "lɑn",
        "ⅬAN",
        "lan\u0301",
        "l an",
    ],
)
def test_a_login_that_looks_like_another_is_refused(quick, twin):
    lan(quick)
    with pytest.raises(LoginTaken):
        quick.users.add("Kẻ khác", twin, by=ROOT)
    assert quick.users.count() == 1


def test_other_scripts_controls_and_long_names_are_no_logins():
    for bad in ("", "   ", "аdmin", "ад", "a\nb", "a\0b", "a" * 65, "<script>", "a;b", "لان", "管理"):
        with pytest.raises(LoginTaken):
            login_of(bad)
    assert login_of("UBND\\đức.trần_2") == "ubnd\\đức.trần_2"
    assert skeleton("rnai") == skeleton("mal") and folded("ẢNH") == "ảnh"


# --- passwords -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "weak",
    [
        "ngắn quá", "123456789012", "aaaaaaaaaaaa", "qwertyuiopas", "matkhau12345", "Mật-Khẩu-2026", "abababababab",
        "password1234", "quantri123456", "lan nguyen thi lan", "nguyenthilan", "012345678910", "x" * 600,
    ],
)  # fmt: skip
def test_passwords_that_everybody_guesses(weak):
    with pytest.raises(WeakPassword):
        check_strength(weak, QUICK, ["lan", "Nguyễn Thị Lan", "Nguyễn", "Thị", "Lan"])


@pytest.mark.parametrize(
    "good", [GOOD, OTHER, "correct horse battery", "mua xuan 1979 ha giang", "aB3$xY9!kL2@"]
)
def test_no_rules_of_composition(good):
    check_strength(good, QUICK, ["lan", "Nguyễn Thị Lan"])


def test_a_password_fits_however_the_keyboard_composes_it():
    import unicodedata

    hashed = Passwords(QUICK).hash(unicodedata.normalize("NFC", GOOD))
    assert Passwords(QUICK).matches(hashed, unicodedata.normalize("NFD", GOOD))
    assert hashed.startswith("$argon2id$") and GOOD not in hashed


def test_the_hash_follows_the_settings_at_the_next_login(quick):
    user = lan(quick)
    stronger = People(
        Settings(home=quick.settings.home, people=QUICK.model_copy(update={"hash_time": 2})), quick.catalogue
    )
    before = quick.users.secret_of("lan")[2]
    door.login(stronger, "lan", GOOD)
    after = quick.users.secret_of("lan")[2]
    assert before != after and "t=2" in after
    assert door.login(stronger, "lan", GOOD).actor.id == user


def test_no_password_stands_anywhere(people):
    lan(people)
    door.login(people, "LAN", GOOD, address="10.0.0.1")
    refused(people, OTHER)  # typed into the field of the name
    with people.catalogue.read() as connection:
        tables = sa.inspect(connection).get_table_names()
        dump = "".join(
            str(connection.execute(sa.text(f'SELECT * FROM "{t}"')).all())
            for t in tables
            if "fts" not in t and t != "words"
        )
    assert GOOD not in dump and OTHER not in dump and folded(OTHER) not in dump


# --- who exists ------------------------------------------------------------------------------------------------------
def test_every_refusal_reads_the_same(people):
    lan(people)
    people.users.add("Không mật khẩu", "kho", by=ROOT)
    gone = people.users.add("Đã nghỉ", "nghi", by=ROOT, password=OTHER)
    people.users.set_status(gone.id, UserStatus.DISABLED, by=ROOT)
    said = set()
    for login, password in (
        ("lan", "sai"),
        ("ai-do", "sai"),
        ("kho", "sai"),
        ("nghi", OTHER),
        ("", ""),
        ("lan", "x" * 5000),
        ("\ud800", "\ud800"),
    ):
        with pytest.raises(LoginRefused) as error:
            door.login(people, login, password, address=f"at {login!r}")
        said.add(str(error.value))
    assert len(said) == 1
    told = [r for r in people.audit.rows() if r.action == "login_refused"]
    assert len(told) == 7 and {r.who for r in told} == {""}


def test_an_unknown_name_takes_as_long_as_a_wrong_password(tmp_path):
    """Median of several, with a hash that takes 20 ms: without the work for nobody the ratio would be ten or more."""
    slow = PeopleSettings(hash_time=3, hash_kib=16_384, hash_lanes=1, failures_free=100)
    with Catalogue.open(f"sqlite:///{tmp_path}/x.sqlite") as catalogue:
        people = People(Settings(home=tmp_path, people=slow), catalogue)
        people.users.add("Lan", "lan", by=ROOT, password=GOOD)
        door_times = {}
        refused(people, "ai")  # makes the hash of nobody
        for login in ("lan", "khongco"):
            seconds = []
            for number in range(9):
                started = time.process_time()
                refused(people, login, address=str(number))
                seconds.append(time.process_time() - started)
            door_times[login] = statistics.median(seconds)
    assert 0.5 < door_times["lan"] / door_times["khongco"] < 2, door_times


def test_names_that_do_not_exist_are_locked_out_like_those_that_do(quick):
    lan(quick)
    for login in ("lan", "ai-do"):
        kinds = [refused(quick, login, address=f"của {login}") for _ in range(7)]
        assert kinds == [LoginRefused] * 5 + [TooManyAttempts] * 2


def test_secrets_are_compared_in_constant_time_or_by_hash():
    """Tokens and sessions are looked up by the SHA-256 of 256 random bits: a matching prefix of the hash says nothing of the
    secret. The one-time code is compared with `hmac.compare_digest`; Argon2 compares by itself."""
    import inspect

    assert "hmac.compare_digest" in inspect.getsource(FirstCode.redeem)
    assert "digest(secret)" in inspect.getsource(tokens.Tokens.of)


# --- lock-out --------------------------------------------------------------------------------------------------------
def wait_of(people: People, login: str, address: str) -> int:
    with pytest.raises(TooManyAttempts) as error:
        door.login(people, login, GOOD, address=address)
    return int(error.value.detail)


def test_waits_grow_and_are_bounded(quick, monkeypatch):
    lan(quick)
    waits = []
    for _ in range(12):
        quick.lockout.failed("lan", "a")
        try:
            quick.lockout.must_wait("lan", "a")
            waits.append(0)
        except TooManyAttempts as error:
            waits.append(int(error.detail))
    assert waits[:4] == [0] * 4 and waits[4:9] == [30, 60, 120, 240, 480] and waits[9:] == [900] * 3


def test_locked_out_with_the_right_password_too_and_free_after_the_wait(quick, monkeypatch):
    lan(quick)
    for _ in range(5):
        refused(quick, "lan")
    assert 25 <= wait_of(quick, "lan", "a") <= 30
    real = lockout._since_boot()
    monkeypatch.setattr(lockout, "_since_boot", lambda: real + 31)
    monkeypatch.setattr(lockout, "_boot_id", lockout._boot_id)
    door.login(quick, "lan", GOOD, address="a")
    assert refused(quick, "lan") is LoginRefused, "a good login forgets the failures"


def test_nobody_can_lock_everybody_out_for_ever(quick):
    """Guessing from many places makes a name wait a minute at most, and not at all where its user has logged in before."""
    lan(quick)
    door.login(quick, "lan", GOOD, address="phòng một cửa")
    for number in range(130):
        quick.lockout.failed("lan", f"máy lạ {number}")
    assert wait_of(quick, "lan", "nhà") <= 60
    assert door.login(quick, "lan", GOOD, address="phòng một cửa").secret
    quick.users.set_status("lan", UserStatus.ACTIVE, by=ROOT)
    manage.set_status(quick, ROOT, "lan", UserStatus.ACTIVE)
    assert door.login(quick, "lan", GOOD, address="nhà").secret


def test_one_address_that_tries_many_names_waits(quick):
    lan(quick)
    for number in range(21):
        quick.lockout.failed(f"tên {number}", "kẻ dò")
    assert wait_of(quick, "lan", "kẻ dò") >= 30
    assert door.login(quick, "lan", GOOD, address="nơi khác").secret


def test_setting_the_clock_forward_gains_nothing(quick, wall):
    if not lockout._boot_id():
        pytest.skip("this system has no clock that runs since its start")
    lan(quick)
    for _ in range(6):
        quick.lockout.failed("lan", "a")
    wall.ahead = timedelta(hours=5)
    assert wait_of(quick, "lan", "a") > 50


def test_setting_the_clock_back_costs_one_wait_at_most(quick, wall, monkeypatch):
    wall.restarted(monkeypatch)
    lan(quick)
    for _ in range(5):
        quick.lockout.failed("lan", "a")
    wall.ahead = timedelta(days=-400)
    assert wait_of(quick, "lan", "a") == 30
    wall.ahead += timedelta(seconds=31)
    assert door.login(quick, "lan", GOOD, address="a").secret


def test_failures_at_once_all_count(people):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: people.lockout.failed("lan", "a"), range(8)))
    with pytest.raises(TooManyAttempts) as error:
        people.lockout.must_wait("lan", "a")
    assert int(error.value.detail) > 200
