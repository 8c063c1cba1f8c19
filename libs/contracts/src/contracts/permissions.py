"""What each service's NATS user may publish and subscribe: exactly what the topology says, and nothing more."""

from dataclasses import dataclass

from contracts import progress
from contracts.events import EVENTS
from contracts.topology import (
    CALLS,
    DURABLES,
    HEARS_PROGRESS,
    MIGRATOR,
    SAYS_PROGRESS,
    SERVICES,
    STREAMS,
    stream_of,
)

SUBSCRIBER = "subscriber"
"""The user of anyone who may read events, and nothing else."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects a user may publish to and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = False


def permissions_of(service: str) -> Permissions:
    """The permissions of a service's NATS user."""
    stream = stream_of(service)
    own = tuple(durable for durable in DURABLES if durable.service == service)
    return Permissions(
        publish=(
            *(method.subject for method in CALLS.get(service, ())),
            *(data.type for data in EVENTS.values() if stream_of(data.source) == stream),
            *(f"dead_letter.{durable.name}" for durable in own),
            f"dead_letter.{service}-commands",
            *((progress.SUBJECTS,) if service == SAYS_PROGRESS else ()),
            *(f"$JS.API.CONSUMER.INFO.{durable.stream}.{durable.name}" for durable in own),
            *(f"$JS.API.CONSUMER.MSG.NEXT.{durable.stream}.{durable.name}" for durable in own),
            *(f"$JS.ACK.{durable.stream}.{durable.name}.>" for durable in own),
        ),
        subscribe=(
            f"rpc.{service}.>",
            f"_INBOX.{service}.>",
            *((progress.SUBJECTS,) if service == HEARS_PROGRESS else ()),
        ),
        answers=True,
    )


def subscriber_permissions() -> Permissions:
    """A subscriber listens to every event, and reads past ones by their sequence from the event streams.

    It may not make consumers: whoever may, could also change those of the services, or have the server send messages
    to subjects of its choice.
    """
    streams = [stream.name for stream in STREAMS if not stream.subjects[0].startswith(("dead_letter", "$JS"))]
    verbs = ("STREAM.INFO.{}", "DIRECT.GET.{}", "DIRECT.GET.{}.>")
    return Permissions(
        publish=tuple(f"$JS.API.{verb.format(stream)}" for stream in streams for verb in verbs),
        subscribe=(*EVENTS, f"_INBOX.{SUBSCRIBER}.>"),
    )


def nats_authorization(passwords: dict[str, str]) -> str:
    """The `authorization` block of a NATS server configuration, for users with these passwords (or bcrypt hashes)."""
    users = [_user(service, passwords[service], permissions_of(service)) for service in SERVICES]
    users.append(_user(SUBSCRIBER, passwords[SUBSCRIBER], subscriber_permissions()))
    users.append(f'    {{ user: "{MIGRATOR}", password: "{passwords[MIGRATOR]}" }}')
    return "authorization {\n  users = [\n" + "\n".join(users) + "\n  ]\n}\n"


def _user(name: str, password: str, permissions: Permissions) -> str:
    answers = ', allow_responses: { max: 1, expires: "120s" }' if permissions.answers else ""
    return (
        f'    {{ user: "{name}", password: "{password}", permissions: {{ '
        f"publish: {{ allow: {_subjects(permissions.publish)} }}, "
        f"subscribe: {{ allow: {_subjects(permissions.subscribe)} }}{answers} }} }}"
    )


def _subjects(subjects: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{subject}"' for subject in subjects) + "]"
