"""Who asks: from a signed token, or in development from a header."""

import unicodedata
from typing import Any

import jwt
from starlette.datastructures import Headers

from contracts.identity import Identity
from contracts.methods import ProblemError
from contracts.problems import FieldError, problem
from gateway.settings import GatewaySettings

ALGORITHM = "HS256"
DEFAULT_TENANT = "default"
ROLES = ("user", "admin")

_LEEWAY_SECONDS = 5
_MAX_ID_CHARS = 255
_DEVELOPMENT_USER, _DEVELOPMENT_TENANT = "X-User-Id", "X-Tenant-Id"


class Authenticator:
    """Establishes the identity of a request; what is wrong with a token is never said."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._key = settings.secret_key.get_secret_value() if settings.secret_key else None
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._trusts_headers = settings.environment == "development"
        self._multi_tenant = settings.enable_multi_tenant

    def identify(self, headers: Headers, request_id: str) -> Identity:
        """The identity a request proves.

        Raises:
            ProblemError: `unauthenticated`, or `invalid` for a development header that cannot be a user id.
        """
        authorization = headers.get("authorization")
        if authorization is not None:
            return self._from_token(authorization, request_id)
        user = header_id(_DEVELOPMENT_USER, headers.get(_DEVELOPMENT_USER)) if self._trusts_headers else None
        if user is not None:
            tenant = header_id(_DEVELOPMENT_TENANT, headers.get(_DEVELOPMENT_TENANT)) if self._multi_tenant else None
            return Identity(tenant_id=tenant or DEFAULT_TENANT, user_id=user, request_id=request_id)
        hint = f", or in development {_DEVELOPMENT_USER}" if self._trusts_headers else ""
        raise ProblemError(problem("unauthenticated", f"send a token: Authorization: Bearer <token>{hint}"))

    def _from_token(self, authorization: str, request_id: str) -> Identity:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or self._key is None:
            raise _invalid_token()
        try:
            claims: dict[str, Any] = jwt.decode(
                token.strip(),
                self._key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
            )
        except jwt.PyJWTError as error:
            raise _invalid_token() from error
        user, roles = claims["sub"], claims.get("roles", [])
        tenant = claims.get("tenant", DEFAULT_TENANT) if self._multi_tenant else DEFAULT_TENANT
        if not (is_valid_id(user) and is_valid_id(tenant) and isinstance(roles, list)):
            raise _invalid_token()
        return Identity(
            tenant_id=tenant,
            user_id=user,
            # Roles that only services have cannot come in from outside.
            roles=tuple(role for role in ROLES if role in roles) or ("user",),
            request_id=request_id,
        )


def is_valid_id(value: object) -> bool:
    """Whether a value can name a user, tenant, process or session: 1 to 255 characters, no control character."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _MAX_ID_CHARS
        and not any(unicodedata.category(character) in {"Cc", "Cs"} for character in value)
    )


def header_id(name: str, value: str | None) -> str | None:
    """The id in a header's value as Starlette decodes it; None when there is no such header.

    Raises:
        ProblemError: `invalid`, with the header's name: the value cannot be an id.
    """
    if value is None:
        return None
    try:
        # Starlette decodes headers as Latin-1; clients send UTF-8.
        decoded = value.encode("latin-1").decode()
    except UnicodeError:
        decoded = ""
    if not is_valid_id(decoded):
        message = f"must be 1 to {_MAX_ID_CHARS} characters of UTF-8 without control characters"
        raise ProblemError(problem("invalid", errors=(FieldError(field=name, message=message),)))
    return decoded


def _invalid_token() -> ProblemError:
    return ProblemError(problem("unauthenticated", "invalid token"))
