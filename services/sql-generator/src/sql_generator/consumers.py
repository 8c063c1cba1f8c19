"""What sql-generator consumes: memories that state a rule."""

from collections.abc import Sequence

from faststream.nats import NatsBroker

from contracts.topology import RULES_FROM_MEMORIES
from messaging import Consumer, Delivery
from sql_generator.use_cases.rules import RuleUseCases


def memories(broker: NatsBroker, rules: RuleUseCases) -> Consumer:
    """Keeps the rules that come from memories as the memories are."""

    async def follow(deliveries: Sequence[Delivery]) -> None:
        await rules.follow_memories([delivery.event for delivery in deliveries])

    return Consumer(broker, RULES_FROM_MEMORIES, follow)
