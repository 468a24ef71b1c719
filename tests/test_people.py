"""People against those who want to be somebody else: names, passwords, lock-out, sessions, tokens, the first administrator."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from flows import people as door
from flows import people_manage as manage
from flows.people import People
from schemas.errors import NotAllowedNow, NotFound, SohoaError, WrongUse
from schemas.people import ROLE_RIGHTS, TOKEN_SCOPES, Actor, PeopleSettings, Right, Role
from schemas.people_errors import (
    CodeRefused,
    LoginRefused,
    LoginTaken,
    NotAllowed,
    TooManyAttempts,
    WeakPassword,
)
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.catalogue import events as clock
from storage.people import FirstCode, UserStatus, lockout, sessions, tokens
from storage.people.logins import folded, login_of, skeleton
from storage.people.passwords import Passwords, check_strength
from storage.people.tables import api_tokens, one_time_codes, users
from storage.people.tables import sessions as session_table

pytest_plugins = ["catalogue_fixtures"]
GOOD, OTHER = "con trâu ăn cỏ ven sông", "bảy chiếc thuyền thúng đỏ"
QUICK = PeopleSettings(hash_time=1, hash_kib=1024, hash_lanes=1)
"""The hash need not be slow where nobody guesses."""
ROOT = Actor.system()


@pytest.fixture
def people(catalogue: Catalogue, tmp_path: Path) -> People:
    return People(Settings(home=tmp_path, people=QUICK), catalogue)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[People]:
    """Where the database makes no difference."""
    with Catalogue.open(f"sqlite:///{tmp_path}/x.sqlite") as opened:
        yield People(Settings(home=tmp_path, people=QUICK), opened)


class Clock:
    """The clock of the wall, set as one likes; that of the machine goes on."""

    def __init__(self, monkeypatch) -> None:
        self.ahead = timedelta(0)
        real = clock.now
        for module in (lockout, sessions, tokens, "storage.people.first_code", "storage.people.users"):
            where = f"{module}.now" if isinstance(module, str) else f"{module.__name__}.now"
            monkeypatch.setattr(where, lambda: real() + self.ahead)

    def restarted(self, monkeypatch) -> None:
        """No clock of the machine that could be compared."""
        monkeypatch.setattr(lockout, "_boot_id", lambda: "")


@pytest.fixture
def wall(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def lan(people: People, *roles: Role) -> str:
    user = people.users.add("Nguyễn Thị Lan", "lan", by=ROOT, password=GOOD)
    for role in roles or (Role.CHECKER,):
        people.users.give_role(user.id, role, by=ROOT)
    return user.id


def refused(people: People, login: str, password: str = "sai bét nhè ra rồi", address: str = "a") -> type:
    with pytest.raises((LoginRefused, TooManyAttempts)) as error:
        door.login(people, login, password, address=address)
    return error.type


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


# --- sessions --------------------------------------------------------------------------------------------------------
def test_a_session_knows_its_user_until_it_ends(people):
    user = lan(people)
    new = door.login(people, "lan", GOOD, address="10.0.0.7")
    assert door.session_actor(people, new.secret).id == user
    with people.catalogue.read() as connection:
        assert new.secret not in str(connection.execute(sa.select(session_table)).all())
    assert door.logout(people, new.secret) and not door.logout(people, new.secret)
    assert door.session_actor(people, new.secret) is None
    assert door.session_actor(people, "") is None and door.session_actor(people, "\ud800") is None


def test_a_token_that_somebody_planted_is_worth_nothing(people):
    """Session fixation: login never takes over what the browser held, and ends it."""
    lan(people)
    victim = people.users.add("Bình", "binh", by=ROOT, password=OTHER)
    planted = door.login(people, "lan", GOOD).secret
    new = door.login(people, "binh", OTHER, old_session=planted)
    assert new.secret != planted and door.session_actor(people, planted) is None
    assert door.session_actor(people, new.secret).id == victim.id
    invented = door.login(people, "binh", OTHER, old_session="một token tự đặt")
    assert door.session_actor(people, "một token tự đặt") is None
    assert len({new.secret, invented.secret, planted}) == 3


def test_a_role_that_is_taken_away_is_gone_in_the_middle_of_a_session(people):
    user = lan(people, Role.CHECKER, Role.SCANNER)
    secret = door.login(people, "lan", GOOD).secret
    assert door.session_actor(people, secret).may(Right.CHECK)
    people.users.take_role(user, Role.CHECKER, by=ROOT)
    actor = door.session_actor(people, secret)
    assert not actor.may(Right.CHECK) and actor.may(Right.SCAN)
    with pytest.raises(NotAllowed):
        door.require(actor, Right.CHECK)


@pytest.mark.parametrize("end", ["lock", "disable", "password"])
def test_sessions_end_with_the_account_or_the_password(quick, end):
    user = lan(quick)
    secret = door.login(quick, "lan", GOOD).secret
    if end == "password":
        quick.users.set_password(user, OTHER, by=ROOT)
    else:
        quick.users.set_status(user, UserStatus.LOCKED if end == "lock" else UserStatus.DISABLED, by=ROOT)
    assert door.session_actor(quick, secret) is None
    quick.users.set_status(user, UserStatus.ACTIVE, by=ROOT)
    assert door.session_actor(quick, secret) is None, "an ended session must not come back"


def test_idle_old_and_out_of_time_sessions(quick, wall):
    lan(quick)
    secret = door.login(quick, "lan", GOOD).secret
    for minutes in range(25, 12 * 60, 25):
        wall.ahead = timedelta(minutes=minutes)
        assert door.session_actor(quick, secret), minutes
    wall.ahead = timedelta(hours=12, minutes=1)
    assert door.session_actor(quick, secret) is None, "twelve hours, whatever is done"
    wall.ahead = timedelta(0)
    other = door.login(quick, "lan", GOOD).secret
    wall.ahead = timedelta(minutes=31)
    assert door.session_actor(quick, other) is None, "idle"


def test_a_session_does_not_outlive_a_clock_that_is_set_back(quick, wall):
    lan(quick)
    secret = door.login(quick, "lan", GOOD).secret
    wall.ahead = timedelta(hours=-3)
    assert door.session_actor(quick, secret) is None
    wall.ahead = timedelta(minutes=-3)
    assert door.session_actor(quick, secret), "clocks of two servers stand a little apart"


def test_ones_own_password_needs_the_one_that_stands(quick):
    lan(quick)
    actor = door.session_actor(quick, door.login(quick, "lan", GOOD).secret)
    with pytest.raises(LoginRefused):
        manage.change_own_password(quick, actor, "không phải", OTHER)
    manage.change_own_password(quick, actor, GOOD, OTHER)
    assert door.login(quick, "lan", OTHER).secret


# --- tokens ----------------------------------------------------------------------------------------------------------
def issued(people: People, owner: str | None, *scopes: Right, days: int = 1, unit: str | None = None):
    ends = clock.now() + timedelta(days=days)
    return people.tokens.issue("một cửa", unit, scopes or (Right.API_GET,), ends, by=ROOT, owner=owner)


def test_a_token_acts_for_its_owner_with_no_more_than_its_scopes(people):
    user = lan(people, Role.API_CLIENT, Role.CERTIFIER)
    token = issued(people, user)
    actor = door.token_actor(people, token.secret, address="10.1.1.1")
    assert (actor.id, actor.via, actor.token, actor.address) == (user, "api", token.row.id, "10.1.1.1")
    assert actor.may(Right.API_GET) and not actor.may(Right.API_PUT) and not actor.may(Right.CERTIFY)
    with people.catalogue.read() as connection:
        assert token.secret not in str(connection.execute(sa.select(api_tokens)).all())
    assert people.tokens.list()[0].used is not None


def test_a_token_of_a_user_who_has_left(people):
    user = lan(people, Role.API_CLIENT)
    token = issued(people, user)
    people.users.set_status(user, UserStatus.DISABLED, by=ROOT)
    assert door.token_actor(people, token.secret) is None
    people.users.set_status(user, UserStatus.ACTIVE, by=ROOT)
    people.users.take_role(user, Role.API_CLIENT, by=ROOT)
    assert not door.token_actor(people, token.secret).may(Right.API_GET)


def test_revoked_expired_and_invented_tokens(quick, wall):
    token = issued(quick, None)
    assert door.token_actor(quick, token.secret)
    for wrong in ("", token.secret[:-1], token.secret + "x", token.row.id, "sohoa_", "\ud800"):
        assert door.token_actor(quick, wrong) is None
    wall.ahead = timedelta(days=1, seconds=1)
    assert door.token_actor(quick, token.secret) is None
    wall.ahead = timedelta(days=-2)
    assert door.token_actor(quick, token.secret) is None, "issued in the future: the clock was set back"
    wall.ahead = timedelta(0)
    quick.tokens.revoke(token.row.id, by=ROOT)
    assert door.token_actor(quick, token.secret) is None


def test_a_token_carries_only_what_its_owner_has_and_what_tokens_may(quick):
    user = lan(quick, Role.CHECKER)
    with pytest.raises(NotAllowed):
        issued(quick, user, Right.API_PUT)
    with pytest.raises(WrongUse):
        issued(quick, user, Right.MANAGE_USERS)
    with pytest.raises(WrongUse):
        issued(quick, None, days=-1)


# --- the first administrator -----------------------------------------------------------------------------------------
def first(people: People, code: str, login: str = "lan"):
    return door.first_admin(people, code, login=login, name="Nguyễn Thị Lan", password=GOOD, address=login)


def test_the_first_administrator_by_a_code_that_holds_once(people):
    code = people.first_code.issue()
    with people.catalogue.read() as connection:
        assert code not in str(connection.execute(sa.select(one_time_codes)).all())
    with pytest.raises(CodeRefused):
        first(people, "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE")
    user = first(people, code.lower().replace("-", " "))
    assert [r.role for r in user.roles] == [Role.ADMINISTRATOR]
    with pytest.raises(CodeRefused):
        first(people, code, "binh")
    with pytest.raises(NotAllowedNow):
        people.first_code.issue()


def test_two_first_administrators_at_once(people):
    """Also with two codes, and from two processes' connections."""
    codes = [people.first_code.issue()]
    with people.catalogue.write() as connection:  # a second code that still holds
        row = dict(connection.execute(sa.select(one_time_codes)).mappings().one())
        from storage.people.first_code import _hash

        connection.execute(one_time_codes.insert().values(**row | {"id": _hash("SECOND-CODE")}))
    codes.append("SECOND-CODE")

    def redeem(number: int) -> str:
        with Catalogue.open(people.catalogue.url) as own:
            try:
                return first(People(people.settings, own), codes[number % 2], f"quan-tri-{number}").login
            except SohoaError as error:
                return type(error).__name__

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(redeem, range(4)))
    assert sorted(made)[:3] == ["CodeRefused"] * 3, made
    with people.catalogue.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(users)) == 1


def test_a_code_ends_and_a_new_one_ends_the_old(quick, wall):
    old, new = quick.first_code.issue(), quick.first_code.issue()
    with pytest.raises(CodeRefused):
        first(quick, old)
    wall.ahead = timedelta(hours=73)
    assert not quick.first_code.waiting()
    with pytest.raises(CodeRefused):
        first(quick, new)
    wall.ahead = timedelta(hours=-73)
    with pytest.raises(CodeRefused):
        first(quick, new)


def test_codes_are_not_guessed(quick):
    quick.first_code.issue()
    kinds = []
    for number in range(8):
        with pytest.raises((CodeRefused, TooManyAttempts)) as error:
            door.first_admin(quick, f"{number}", login="x", name="x y z", password=GOOD, address="a")
        kinds.append(error.type)
    assert kinds[-1] is TooManyAttempts


def test_the_last_administrator_stays(people):
    first(people, people.first_code.issue())
    for act in (
        lambda: people.users.take_role("lan", Role.ADMINISTRATOR, by=ROOT),
        lambda: people.users.set_status("lan", UserStatus.DISABLED, by=ROOT),
        lambda: people.users.set_status("lan", UserStatus.LOCKED, by=ROOT),
    ):
        with pytest.raises(NotAllowedNow):
            act()
    assert people.users.get("lan").status is UserStatus.ACTIVE


# --- identities ------------------------------------------------------------------------------------------------------
def test_identities_of_other_issuers_are_linked_by_hand(people):
    user, other = lan(people), people.users.add("Bình", "binh", by=ROOT).id
    people.identities.link("https://idp.example.vn", "abc", user, by=ROOT)
    people.identities.link("https://idp.example.vn", "abc", user, by=ROOT)
    assert people.identities.user_of("https://idp.example.vn", "abc") == user
    assert people.identities.user_of("https://idp.example.vn", "ABC") is None
    assert people.identities.user_of("https://idp.example.vn/", "abc") is None
    with pytest.raises(NotAllowedNow):
        people.identities.link("https://idp.example.vn", "abc", other, by=ROOT)
    with pytest.raises(WrongUse):
        people.identities.link("http://idp.example.vn", "abc", user, by=ROOT)
    assert people.identities.unlink("https://idp.example.vn", "abc", by=ROOT)
    assert people.identities.user_of("https://idp.example.vn", "abc") is None


def test_what_happened_to_people_is_in_the_chain(people):
    user = lan(people, Role.SCANNER)
    door.logout(people, door.login(people, "lan", GOOD, address="10.0.0.7").secret)
    people.users.take_role(user, Role.SCANNER, by=ROOT)
    people.users.set_status(user, UserStatus.DISABLED, by=ROOT, why="chuyển công tác")
    rows = people.audit.rows(object=user)[::-1]
    assert [r.action for r in rows] == [
        "user_added",
        "role_given",
        "logged_in",
        "logged_out",
        "role_taken",
        "user_disabled",
    ]
    assert rows[2].address == "10.0.0.7" and rows[-1].why == "chuyển công tác"
    with pytest.raises(NotFound):
        people.users.get("ai đó")
