"""Broker, provisioning, outbox relay, dead letters and request-reply over NATS."""
