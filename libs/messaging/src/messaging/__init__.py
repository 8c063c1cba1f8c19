"""Broker, provisioning, outbox relay, dead letters and request–reply over NATS."""

from messaging.broker import create_broker
from messaging.consumer import Consumer, Delivery, each
from messaging.erased import Guard, unless_erased
from messaging.errors import GiveUp, RetryLater
from messaging.health import serve_health
from messaging.outbox import Outbox, outbox_table
from messaging.personal_data import PersonalData
from messaging.refused import serve_refused_commands
from messaging.relay import Relay
from messaging.rpc import RpcClient, serve

__all__ = [
    "Consumer",
    "Delivery",
    "GiveUp",
    "Guard",
    "Outbox",
    "PersonalData",
    "Relay",
    "RetryLater",
    "RpcClient",
    "create_broker",
    "each",
    "outbox_table",
    "serve",
    "serve_health",
    "serve_refused_commands",
    "unless_erased",
]
