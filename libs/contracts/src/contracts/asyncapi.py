"""The AsyncAPI 3.0 document of everything that is said on NATS, generated from the contracts."""

from typing import Any

from pydantic.json_schema import models_json_schema

from contracts import progress
from contracts.base import Message
from contracts.events import EVENTS, Event
from contracts.problems import Problem
from contracts.topology import CALLS, DURABLES, HEARS_PROGRESS, SAYS_PROGRESS, SERVICES, answered_by

_REF = "#/components/schemas/{model}"


def document(version: str) -> dict[str, Any]:
    """The AsyncAPI document: a channel per event and per method, who sends and who receives."""
    envelopes = {name: Event[data] for name, data in EVENTS.items()}  # type: ignore[valid-type]
    methods = [method for service in SERVICES for method in answered_by(service)]
    models: list[type[Message]] = [Problem, progress.Progress, *envelopes.values()]
    models += [model for method in methods for model in (method.request, method.reply)]
    references, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], ref_template=_REF
    )

    def payload(model: type[Message]) -> dict[str, Any]:
        return references[model, "validation"]

    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, envelope in envelopes.items():
        data = EVENTS[name]
        channels[name] = {
            "address": name,
            "description": (data.__doc__ or "").strip(),
            "messages": {name: {"contentType": "application/cloudevents+json", "payload": payload(envelope)}},
        }
        operations[f"send {name}"] = _operation("send", name, data.source)
    for durable in DURABLES:
        for subject in durable.subjects:
            operations[f"{durable.name} receives {subject}"] = _operation("receive", subject, durable.service)
    for method in methods:
        subject = method.subject
        channels[subject] = {
            "address": subject,
            "description": (method.request.__doc__ or "").strip(),
            "messages": {
                "request": {"payload": payload(method.request)},
                "reply": {"payload": payload(method.reply)},
                "problem": {"payload": payload(Problem)},
            },
        }
        operations[f"answer {subject}"] = {
            **_operation("receive", subject, method.service, "request"),
            "reply": {
                "address": {"location": "$message.header#/reply"},
                "messages": [_message(subject, "reply"), _message(subject, "problem")],
            },
            "x-callers": sorted(caller for caller, called in CALLS.items() if method in called),
        }
    channels[progress.SUBJECTS] = {
        "address": "progress.{progress_id}",
        "description": (progress.Progress.__doc__ or "").strip(),
        "parameters": {"progress_id": {"description": "Minted by whoever asks, in the request"}},
        "messages": {progress.SUBJECTS: {"payload": payload(progress.Progress)}},
    }
    operations["send progress"] = _operation("send", progress.SUBJECTS, SAYS_PROGRESS)
    operations["receive progress"] = _operation("receive", progress.SUBJECTS, HEARS_PROGRESS)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Memori for Text2SQL",
            "version": version,
            "description": "Events carry ids, never content. Requests carry the tenant and user as headers.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"schemas": definitions.get("$defs", {})},
    }


def _operation(action: str, channel: str, service: str, message: str | None = None) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": _pointer("channels", channel)},
        "messages": [_message(channel, message or channel)],
        "tags": [{"name": service}],
    }


def _message(channel: str, message: str) -> dict[str, str]:
    return {"$ref": _pointer("channels", channel, "messages", message)}


def _pointer(*parts: str) -> str:
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
