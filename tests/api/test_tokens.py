"""Tokens: how they are shown, what they are worth, how often they may ask."""

import io

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts.models import ApiToken, Organisation
from apps.accounts.roles import Role
from apps.accounts.services import user_create
from apps.api.throttling import AddressThrottle, TokenThrottle
from audit_chain.testing import SUPPLIER
from tests.api.cast import Caller, Cast, error_of


def ask_with(authorization: str) -> tuple[int, str]:
    response = Client().get("/api/v1/me", headers={"Authorization": authorization})
    return response.status_code, error_of(response)["code"] if response.status_code >= 400 else ""


def test_a_token_tells_whom_it_acts_for(cast: Cast) -> None:
    assert cast.viewer.get("me").json() == {
        "organisation": {"name": SUPPLIER, "display_name": "Northwind Parts", "kind": "supplier"},
        "pool": SUPPLIER,
        "role": "viewer",
        "token": {
            "label": "viewer",
            "created": ApiToken.objects.get(label="viewer").created.isoformat().replace("+00:00", "Z"),
        },
    }


def test_the_scheme_may_be_written_in_any_letters(cast: Cast) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert ask_with(f"{scheme} {cast.viewer.token}") == (200, "")


def test_who_shows_no_token_is_told_how(cast: Cast) -> None:
    response = Caller("nobody").get("me")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert error_of(response)["code"] == "no_token"


@pytest.mark.parametrize("authorization", ["", "Basic b3duZXI6c2VjcmV0", "Token ts_1", "Negotiate"])
def test_other_schemes_count_for_nothing(authorization: str, cast: Cast) -> None:
    assert ask_with(authorization) == (401, "no_token")


@pytest.mark.parametrize("token", ["", "ts_", "ts_" + "A" * 43, "ts_" + "ä" * 43, "A" * 46, "ts_" + "A" * 5000, "\x00"])
def test_what_is_no_token_is_unknown(token: str, cast: Cast) -> None:
    assert ask_with(f"Bearer {token}") == (401, "unknown_token")


def test_a_token_that_is_cut_or_continued_is_unknown(cast: Cast) -> None:
    assert cast.owner.token
    for spoiled in (cast.owner.token[:-1], cast.owner.token + "A", cast.owner.token.swapcase()):
        assert ask_with(f"Bearer {spoiled}") == (401, "unknown_token")


def test_a_revoked_token_opens_not_even_what_is_open_to_all(cast: Cast) -> None:
    assert error_of(cast.revoked.get("policy"))["code"] == "unknown_token"


def test_the_database_holds_no_token(cast: Cast) -> None:
    assert cast.owner.token
    row = ApiToken.objects.get(label="owner")
    assert all(cast.owner.token not in str(value) for value in vars(row).values())


def test_a_token_s_last_use_is_noted(cast: Cast) -> None:
    assert ApiToken.objects.get(label="viewer").last_used is None
    cast.viewer.get("me")
    assert ApiToken.objects.get(label="viewer").last_used is not None


def test_a_page_s_session_signs_no_program_in(cast: Cast) -> None:
    supplier = Organisation.objects.get(name=SUPPLIER)
    user = user_create(email="owner@example.org", password=None, organisation=supplier, role=Role.OWNER)
    browser = Client()
    browser.force_login(user)
    assert browser.get("/api/v1/me").status_code == 401


# How often


@pytest.fixture
def few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    for throttle in (TokenThrottle, AddressThrottle):
        monkeypatch.setattr(throttle, "THROTTLE_RATES", {"token": "3/min", "address": "2/min"})


def test_a_token_is_slowed_down_alone(cast: Cast, few_requests: None) -> None:
    assert [cast.viewer.get("me").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert cast.staff.get("me").status_code == 200


def test_strangers_are_slowed_down_by_address(cast: Cast, few_requests: None) -> None:
    assert [cast.anonymous.get("policy").status_code for _ in range(3)] == [200, 200, 429]
    assert cast.viewer.get("policy").status_code == 200
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert elsewhere.get("/api/v1/policy").status_code == 200


def test_who_tries_tokens_is_slowed_down_by_address(cast: Cast, few_requests: None) -> None:
    assert [cast.revoked.get("me").status_code for _ in range(3)] == [401, 401, 429]


def test_a_forwarded_address_is_not_believed_unless_a_proxy_is_known(cast: Cast, few_requests: None) -> None:
    statuses = [
        Client().get("/api/v1/policy", headers={"X-Forwarded-For": f"203.0.113.{number}"}).status_code
        for number in range(3)
    ]
    assert statuses == [200, 200, 429]


def test_who_is_slowed_down_is_told_for_how_long(cast: Cast, few_requests: None) -> None:
    for _ in range(4):
        response = cast.viewer.get("me")
    assert error_of(response)["code"] == "too_many_requests"
    assert 1 <= int(response["Retry-After"]) <= 60
    cache.clear()
    assert cast.viewer.get("me").status_code == 200


# By command


def test_whoever_runs_the_portal_makes_a_token_by_command(cast: Cast) -> None:
    said = io.StringIO()
    call_command("api_token", organisation=SUPPLIER, role="staff", label="ERP", stdout=said)
    me = Caller("ERP", said.getvalue().strip()).get("me").json()
    assert (me["organisation"]["name"], me["role"], me["token"]["label"]) == (SUPPLIER, "staff", "ERP")


@pytest.mark.parametrize("options", [{"organisation": "nobody"}, {"organisation": SUPPLIER, "label": ""}])
def test_a_token_of_nobody_or_without_a_label_is_not_made(options: dict[str, str], cast: Cast) -> None:
    with pytest.raises(CommandError, match=r"There is no organisation|A label has"):
        call_command("api_token", **options)
