"""The routes, one module a resource. Each translates: HTTP to a method, its reply to HTTP."""

from gateway.api import (
    conversations,
    data_sources,
    files,
    health,
    knowledge,
    memories,
    memory_lifecycle,
    messages,
    past_queries,
    queries,
    recall,
    rules,
    usage,
    users,
)

# Matched in this order: the busiest first.
ROUTERS = (
    memories.router,
    memory_lifecycle.router,
    conversations.router,
    messages.router,
    data_sources.router,
    files.router,
    rules.router,
    queries.router,
    past_queries.router,
    knowledge.router,
    recall.router,
    usage.router,
    users.router,
    health.router,
)
