import pytest

from sql_generator.generation.model import Draft, ModelAnswerInvalid, ModelUnavailable, Tokens
from sql_generator.observed_model import TOKENS, ObservedModel


class Scripted:
    """A model that answers what it is told to, in turn."""

    name = "scripted"

    def __init__(self, *outcomes):
        self._outcomes = list(outcomes)
        self.closed = False

    async def draft(self, context):
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self):
        self.closed = True


DRAFT = Draft(sql="SELECT 1", explanation="", intent="select", confidence=1.0, tokens=Tokens(7, 3))


async def test_a_failure_shows_in_the_health_until_an_answer_comes():
    model = ObservedModel(Scripted(ModelUnavailable("away"), DRAFT))
    await model.ping()
    with pytest.raises(ModelUnavailable, match="away"):
        await model.draft(None)
    with pytest.raises(ModelUnavailable):
        await model.ping()
    assert await model.draft(None) is DRAFT
    await model.ping()


async def test_a_bad_answer_is_no_outage():
    model = ObservedModel(Scripted(ModelAnswerInvalid("prose")))
    with pytest.raises(ModelAnswerInvalid):
        await model.draft(None)
    await model.ping()


async def test_tokens_are_counted():
    before = TOKENS.labels("input")._value.get()
    await ObservedModel(Scripted(DRAFT)).draft(None)
    assert TOKENS.labels("input")._value.get() == before + 7


async def test_a_model_that_cannot_be_warmed_is_warm_already_and_closing_reaches_it():
    inside = Scripted()
    model = ObservedModel(inside)
    await model.warm()
    await model.close()
    assert inside.closed
    assert model.name == "scripted"
