"""Who asks: established once by the gateway, carried as message headers, trusted inside."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

TENANT, USER, ROLES, REQUEST = "Memori-Tenant", "Memori-User", "Memori-Roles", "Memori-Request"


@dataclass(frozen=True, slots=True)
class Identity:
    """The tenant and user on whose behalf a message is sent."""

    tenant_id: str
    user_id: str
    roles: tuple[str, ...] = ("user",)
    request_id: str = ""

    def headers(self) -> dict[str, str]:
        """The message headers; values are percent-encoded, because header values cannot hold every user id."""
        return {
            TENANT: quote(self.tenant_id, safe=""),
            USER: quote(self.user_id, safe=""),
            ROLES: ",".join(self.roles),
            REQUEST: quote(self.request_id, safe=""),
        }

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> "Identity":
        """The identity a message carries.

        Raises:
            KeyError: the message names no tenant or no user.
        """
        return cls(
            tenant_id=unquote(headers[TENANT]),
            user_id=unquote(headers[USER]),
            roles=tuple(role for role in headers.get(ROLES, "").split(",") if role),
            request_id=unquote(headers.get(REQUEST, "")),
        )


def service_identity(service: str) -> Identity:
    """Who asks when a service asks for itself, across users; NATS permissions decide which methods it may call."""
    return Identity(tenant_id="system", user_id=service, roles=("service",))
