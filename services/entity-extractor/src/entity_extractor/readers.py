"""Who reads turns: rules, or a model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from entity_extractor.domain import rule_reader
from entity_extractor.domain.facts import Statement
from entity_extractor.domain.sentences import MAX_TURN_CHARS, own_sentences
from entity_extractor.model_answer import AnswerUnusableError, believed, question
from entity_extractor.models import Model, unusable
from entity_extractor.repository.turns import TurnKey

_WINDOW_TURNS = 20
_WINDOW_CHARS = 24_000


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user said in a turn of a conversation, or had remembered."""

    key: TurnKey
    text: str


class FactReader(Protocol):
    """Finds what turns state; of many turns it is asked at once.

    One that `takes_long` is asked before anything is locked.
    """

    takes_long: ClassVar[bool]

    async def read(self, turns: Sequence[Turn], known: Sequence[Statement]) -> Mapping[TurnKey, Sequence[Statement]]:
        """What each of one user's turns states that is worth keeping; nothing of a turn that is left out.

        Raises:
            RetryLater: what reads is away, or busy.
            ProblemError: what it answered cannot be used.
        """


class RuleReader:
    """Reads by rules: needs nothing, and prefers silence."""

    takes_long: ClassVar[bool] = False

    async def read(
        self,
        turns: Sequence[Turn],
        known: Sequence[Statement],  # noqa: ARG002  # models read on from it
    ) -> Mapping[TurnKey, Sequence[Statement]]:
        """What the rules find in each turn."""
        return {turn.key: rule_reader.read(turn.text) for turn in turns}


class ModelReader:
    """Asks a model, once for each window of turns; turns that can state nothing are not shown to it."""

    takes_long: ClassVar[bool] = True

    def __init__(self, model: Model) -> None:
        self._model = model

    async def read(self, turns: Sequence[Turn], known: Sequence[Statement]) -> Mapping[TurnKey, Sequence[Statement]]:
        """What the model finds in each turn, as far as the turn says it; see `FactReader.read`."""
        found: dict[TurnKey, Sequence[Statement]] = {}
        for window in _windows([turn for turn in turns if any(own_sentences(turn.text))]):
            # What several turns say alike is asked once.
            texts = list(dict.fromkeys(turn.text for turn in window))
            shown = [text[:MAX_TURN_CHARS] for text in texts]
            arguments = await self._model.ask(question(shown, known))
            try:
                noted = believed(arguments, shown)
            except AnswerUnusableError as error:
                raise unusable(str(error)) from error
            for turn in window:
                found[turn.key] = noted.get(texts.index(turn.text), ())
        return found


def _windows(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    """The turns in their order, as many at a time as are asked about at once."""
    window: list[Turn] = []
    chars = 0
    for turn in turns:
        if window and (len(window) >= _WINDOW_TURNS or chars + len(turn.text) > _WINDOW_CHARS):
            yield window
            window, chars = [], 0
        window.append(turn)
        chars += len(turn.text)
    if window:
        yield window
