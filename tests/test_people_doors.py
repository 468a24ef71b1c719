"""Sessions, tokens, the first administrator, identities: planted, stolen, outlived, raced for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from people_office import GOOD, OTHER, ROOT, lan

from flows import people as door
from flows import people_manage as manage
from flows.people import People
from schemas.errors import NotAllowedNow, NotFound, SohoaError, WrongUse
from schemas.people import Right, Role
from schemas.people_errors import (
    CodeRefused,
    LoginRefused,
    NotAllowed,
    TooManyAttempts,
)
from storage.catalogue import Catalogue
from storage.catalogue import events as clock
from storage.people import UserStatus
from storage.people.tables import api_tokens, one_time_codes, users
from storage.people.tables import sessions as session_table

pytest_plugins = ["catalogue_fixtures", "people_fixtures"]


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


def test_an_identity_that_an_issuer_vouched_for_opens_a_session_with_the_roles_of_now(people):
    """The way a client of OpenID Connect will come, once it has checked the token: no password is asked, none is made."""
    claims = {"iss": "https://idp.example.vn", "sub": "24400320", "email": "lan@example.vn"}
    user = lan(people, Role.CHECKER)
    assert people.identities.user_of(claims["iss"], claims["sub"]) is None, "nobody is made, or known by an address"
    people.identities.link(claims["iss"], claims["sub"], user, by=ROOT)
    actor = people.users.actor(people.identities.user_of(claims["iss"], claims["sub"]), via="portal", address="10.0.0.7")
    secret = people.sessions.begin(actor).secret
    assert door.session_actor(people, secret).may(Right.CHECK)
    people.users.take_role(user, Role.CHECKER, by=ROOT)
    assert not door.session_actor(people, secret).may(Right.CHECK)
    people.users.set_status(user, UserStatus.DISABLED, by=ROOT)
    assert door.session_actor(people, secret) is None and people.users.actor(user, via="portal") is None
    assert [r.action for r in people.audit.rows(object=user)][::-1][2:4] == ["identity_linked", "logged_in"]


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
