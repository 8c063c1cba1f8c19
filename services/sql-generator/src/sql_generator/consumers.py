"""What sql-generator consumes: memories that state a rule, users that were erased."""

from collections.abc import Sequence

from faststream.nats import NatsBroker

from contracts.sql_generator import SERVICE
from contracts.topology import ERASURES, RULES_FROM_MEMORIES
from messaging import Consumer, Delivery, Guard, PersonalData, each
from sql_generator.use_cases.rules_from_memories import RulesFromMemories


def memories(broker: NatsBroker, rules: RulesFromMemories, guard: Guard) -> Consumer:
    """Keeps the rules that come from memories as the memories are."""

    async def follow(deliveries: Sequence[Delivery]) -> None:
        await rules.follow([delivery.event for delivery in deliveries])

    return Consumer(broker, RULES_FROM_MEMORIES, guard(follow))


def erasures(broker: NatsBroker, personal: PersonalData) -> Consumer:
    """Erases users whom the gateway could not have erased here."""
    return Consumer(broker, ERASURES[SERVICE], each(personal.erased))
