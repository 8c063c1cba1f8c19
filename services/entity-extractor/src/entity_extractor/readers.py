"""Who reads turns: rules, or a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.identity import Identity
from entity_extractor.domain import rule_reader
from entity_extractor.domain.facts import Statement
from entity_extractor.repository.turns import TurnKey


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user said in a turn of a conversation, or had remembered."""

    key: TurnKey
    text: str


class FactReader(Protocol):
    """Finds what turns state; of many turns it is asked at once."""

    async def read(
        self, turns: Sequence[Turn], known: Sequence[Statement], owner: Identity
    ) -> Mapping[TurnKey, Sequence[Statement]]:
        """What each of one user's turns states that is worth keeping; nothing of a turn that is left out.

        Raises:
            RetryLater: what reads is away, or busy.
            ProblemError: what it answered cannot be used.
        """


class RuleReader:
    """Reads by rules: needs nothing, and prefers silence."""

    async def read(
        self,
        turns: Sequence[Turn],
        known: Sequence[Statement],  # noqa: ARG002  # models read on from it
        owner: Identity,  # noqa: ARG002
    ) -> Mapping[TurnKey, Sequence[Statement]]:
        """What the rules find in each turn."""
        return {turn.key: rule_reader.read(turn.text) for turn in turns}
