"""The routes, one module a resource. Each translates: HTTP to a method, its reply to HTTP."""

from gateway.api import conversations, data_sources, health, knowledge, memories, queries, rules

# Matched in this order: the busiest first.
ROUTERS = (
    memories.router,
    conversations.router,
    data_sources.router,
    rules.router,
    queries.router,
    knowledge.router,
    health.router,
)
