"""Who gets in, and as whom."""

import time
from base64 import urlsafe_b64encode
from json import dumps
from uuid import uuid4

import httpx
import jwt
import pytest

PATH = f"/api/memories/{uuid4()}"


def unsigned(claims):
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    return ".".join(urlsafe_b64encode(dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


async def test_a_request_without_a_token_is_asked_for_one(anonymous):
    answer = await anonymous.get(PATH)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": time.time() - 60},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": time.time() + 600},
        {"user": None},
        {"user": ""},
        {"user": 7},
        {"user": "a\x00b"},
        {"user": "a\nb"},
        {"user": "x" * 256},
        {"tenant": ""},
        {"tenant": ["acme"]},
        {"roles": "admin"},
        {"key": "another key that is long enough too"},
        {"algorithm": "HS384", "key": "x" * 64},
    ],
    ids=lambda claims: "-".join(claims) or "none",
)
async def test_a_token_that_does_not_hold_is_refused_without_saying_why(anonymous, token, claims):
    # jwt.encode itself refuses some of these claims: signed as they are.
    try:
        headers = token(**claims)
    except TypeError:
        payload = {"exp": time.time() + 600, "sub": claims["user"]}
        signed = jwt.api_jws.encode(dumps(payload).encode(), "a key that is long enough for production", "HS256")
        headers = {"Authorization": f"Bearer {signed}"}
    answer = await anonymous.get(PATH, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "invalid token"
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer x.y.z",
        "Basic YWRhOmFkYQ==",
        f"Bearer {unsigned({'sub': 'ada', 'exp': 4_102_444_800})}",
        "Bearer " + "é" * 10,
    ],
)
async def test_what_is_not_a_signed_token_is_refused(anonymous, authorization):
    answer = await anonymous.get(PATH, headers={"Authorization": authorization.encode()})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "invalid token"


async def test_issuer_and_audience_are_checked_where_they_are_set(start_gateway, token, services):
    with start_gateway(jwt_issuer="https://id.example", jwt_audience="memori") as url:
        async with httpx.AsyncClient(base_url=url) as client:

            async def status(**claims):
                return (await client.get(PATH, headers=token(**claims))).status_code

            assert await status(iss="https://id.example", aud="memori") == 404
            assert await status(iss="https://id.example", aud=["other", "memori"]) == 404
            assert await status(iss="https://evil.example", aud="memori") == 401
            assert await status(iss="https://id.example", aud="other") == 401
            assert await status(iss="https://id.example") == 401
            assert await status(aud="memori") == 401


@pytest.mark.parametrize("environment", ["staging", "production"])
async def test_a_user_header_counts_for_nothing_outside_development(start_gateway, environment):
    with start_gateway(environment=environment) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get(PATH, headers={"X-User-Id": "ada"})).status_code == 401


async def test_in_development_a_header_names_the_user(start_gateway, services, token):
    with start_gateway(environment="development") as url:
        async with httpx.AsyncClient(base_url=url) as client:
            created = await client.post("/api/memories", json={"content": "x"}, headers={"X-User-Id": "zoë".encode()})
            assert created.status_code == 201
            _, _, identity = services.requests[-1]
            assert (identity.tenant_id, identity.user_id, identity.roles) == ("default", "zoë", ("user",))

            await client.get(PATH, headers={"X-User-Id": "ada", "X-Tenant-Id": "acme"})
            _, _, identity = services.requests[-1]
            assert (identity.tenant_id, identity.user_id) == ("acme", "ada")

            # A token counts for more than the header, and a bad one is not rescued by it.
            await client.get(PATH, headers=token("bob") | {"X-User-Id": "ada"})
            assert services.requests[-1][2].user_id == "bob"
            refused = await client.get(PATH, headers={"X-User-Id": "ada", "Authorization": "Bearer no"})
            assert refused.status_code == 401


async def test_with_one_tenant_everybody_is_in_it_whatever_they_say(start_gateway, services, token):
    with start_gateway(environment="development", enable_multi_tenant=False) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            for headers in (
                token("ada", tenant="acme"),
                token("ada", tenant=["not", "a", "tenant"]),
                {"X-User-Id": "ada", "X-Tenant-Id": "acme"},
                {"X-User-Id": "ada", "X-Tenant-Id": b"\xff"},
            ):
                assert (await client.get(PATH, headers=headers)).status_code == 404
                _, _, identity = services.requests[-1]
                assert (identity.tenant_id, identity.user_id) == ("default", "ada")


@pytest.mark.parametrize("user", [b"x" * 256, b"\xff\xfe", b""])
async def test_a_development_header_that_is_no_user_id_is_named(start_gateway, user):
    with start_gateway(environment="development") as url:
        async with httpx.AsyncClient(base_url=url) as client:
            answer = await client.get(PATH, headers={"X-User-Id": user})
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == "X-User-Id"


async def test_nobody_unknown_has_a_body_read(anonymous):
    answer = await anonymous.post("/api/memories", content=b"not json", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 401
