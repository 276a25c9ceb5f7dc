"""`tocsin tokens` as a person or a script runs it."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from shared import keys
from shared.models.access import Scope, Token
from shared.store.tokens import new_token, read_token
from tests.commands import Ran, Run
from tests.factories import NOON

FORM = re.compile(r"toc_[0-9a-f]{10}_[A-Za-z0-9_-]{43}\n")


@pytest.fixture
def tokens(run: Run, redis_url: str, sync_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("TOCSIN_REDIS_URL", redis_url)

    def on_it(*words: str) -> Ran:
        return run("tokens", *words)

    return on_it


def stored(redis: Redis) -> list[Token]:
    return [Token.model_validate_json(text) for text in redis.hvals(keys.tokens())]


def test_a_token_is_printed_once_and_kept_as_its_hash(tokens: Run, sync_redis: Redis) -> None:
    ran = tokens("create", "desk", "--scope", "feeds", "--scope", "subscriptions", "--scope", "feeds")
    assert ran.code == 0
    assert FORM.fullmatch(ran.out)
    (token,) = stored(sync_redis)
    assert f"tocsin tokens revoke {token.id}" in ran.err
    assert (token.name, token.scopes, token.expires_at) == ("desk", (Scope.FEEDS, Scope.SUBSCRIPTIONS), None)
    shown = read_token(ran.out.strip())
    assert shown
    assert shown.is_of(token)
    assert shown.secret not in str(sync_redis.hgetall(keys.tokens()))


def test_without_a_scope_it_may_read_and_with_days_it_ends(tokens: Run, sync_redis: Redis) -> None:
    made = json.loads(tokens("create", "desk", "--expires-days", "2", "--json").out)
    (token,) = stored(sync_redis)
    assert made.pop("token").startswith(f"toc_{token.id}_")
    assert token.scopes == (Scope.READ,)
    assert token.expires_at
    assert timedelta(days=1.9) < token.expires_at - datetime.now(UTC) <= timedelta(days=2)
    assert json.loads(tokens("list", "--json").out) == [made]


def test_tokens_are_listed_oldest_first_without_what_opens(tokens: Run, sync_redis: Redis) -> None:
    for name, expires_at in (("old", NOON), ("older", None)):
        token, _ = new_token(name, [Scope.ADMIN], NOON - timedelta(hours=len(name)), expires_at)
        sync_redis.hset(keys.tokens(), token.id, token.model_dump_json())
    told = tokens("list").out
    assert [line.split()[1] for line in told.splitlines()] == ["name", "older", "old"]
    assert ["never" in line for line in told.splitlines()[1:]] == [True, False]
    assert "expired 2025-02-03 12:00:00Z" in told
    assert all(token.digest not in told for token in stored(sync_redis))


def test_a_token_is_revoked_and_one_that_is_not_there_is_told(tokens: Run, sync_redis: Redis) -> None:
    tokens("create", "desk")
    (token,) = stored(sync_redis)
    ran = tokens("revoke", token.id)
    assert (ran.code, ran.out) == (0, f"revoked: {token.id}\n")
    assert stored(sync_redis) == []
    ran = tokens("revoke", token.id)
    assert (ran.code, ran.err) == (1, f"tocsin: no token: {token.id}\n")


@pytest.mark.parametrize(
    "words", [("",), ("a\nb",), ("x" * 101,), ("desk", "--scope", "root"), ("desk", "--expires-days", "0")]
)
def test_a_token_without_sense_is_not_made(tokens: Run, sync_redis: Redis, words: tuple[str, ...]) -> None:
    assert tokens("create", *words).code == 2
    assert stored(sync_redis) == []


def test_what_a_newer_version_wrote_is_passed_over(tokens: Run, sync_redis: Redis) -> None:
    sync_redis.hset(keys.tokens(), "odd", '{"secret": "x"}')
    ran = tokens("list", "--json")
    assert (ran.code, '"secret"' in ran.out + ran.err) == (0, False)


@pytest.mark.parametrize("text", ["", "toc_", "toc_0123456789_short", "toc_0123456789_" + "x" * 44, "x" * 10_000])
def test_what_has_not_the_form_of_a_token_is_none(text: str) -> None:
    assert read_token(text) is None
