"""Broker, provisioning, outbox relay, dead letters and request–reply over NATS."""

from messaging.broker import create_broker
from messaging.consumer import Consumer, Delivery, each
from messaging.errors import GiveUp, RetryLater
from messaging.health import serve_health
from messaging.outbox import Outbox, outbox_table
from messaging.relay import Relay
from messaging.rpc import RpcClient, serve

__all__ = [
    "Consumer",
    "Delivery",
    "GiveUp",
    "Outbox",
    "Relay",
    "RetryLater",
    "RpcClient",
    "create_broker",
    "each",
    "outbox_table",
    "serve",
    "serve_health",
]
