"""The circuit breaker, and the chain of models behind breakers."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.generation.breaker import BreakingModel, CircuitBreaker
from sql_generator.generation.chain import ModelChain
from sql_generator.generation.model import Draft, ModelAnswerInvalid, ModelUnavailable

DRAFT = Draft(sql="SELECT 1", explanation="", intent="select", confidence=1.0)
AWAY = ModelUnavailable("away")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Scripted:
    """A model that does what it is told to, in turn, and then goes on with the last."""

    def __init__(self, *outcomes, name="scripted"):
        self.name = name
        self.asked = 0
        self.closed = False
        self._outcomes = outcomes

    async def draft(self, _context):
        outcome = self._outcomes[min(self.asked, len(self._outcomes) - 1)]
        self.asked += 1
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def close(self):
        self.closed = True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def circuit(clock):
    return CircuitBreaker("model", failures=2, seconds=10, clock=clock)


def fail(circuit, error=AWAY, meanwhile=lambda: True):
    with pytest.raises(type(error)), circuit.call():
        raise error if meanwhile() else AssertionError


def refused(circuit, outcome=None):
    try:
        with circuit.call():
            if outcome is not None:
                raise outcome
    except (ModelUnavailable, ModelAnswerInvalid) as error:
        return error is not outcome and error.retry_after >= 1
    return False


def test_a_model_that_was_away_twice_in_a_row_is_left_alone_for_a_while(circuit, clock):
    fail(circuit)
    with circuit.call():
        pass
    fail(circuit)
    fail(circuit)
    assert circuit.is_open
    assert refused(circuit)
    clock.now += 7.9
    assert refused(circuit)
    clock.now += 4.2
    with circuit.call():
        pass
    assert not circuit.is_open


def test_one_call_at_a_time_finds_out_and_its_failure_keeps_the_circuit_open(circuit, clock):
    fail(circuit)
    fail(circuit)
    clock.now += 12.1
    fail(circuit, meanwhile=lambda: refused(circuit))
    assert refused(circuit)
    clock.now += 12.1
    assert not refused(circuit)


def test_a_model_that_says_how_long_it_is_away_is_left_alone_that_long(circuit, clock):
    fail(circuit)
    fail(circuit, ModelUnavailable("overloaded", 100))
    clock.now += 79
    assert refused(circuit)
    clock.now += 42
    assert not refused(circuit)


def test_a_probe_that_is_given_up_lets_another_one_through(circuit, clock):
    fail(circuit)
    fail(circuit)
    clock.now += 12.1
    with pytest.raises(asyncio.CancelledError), circuit.call():
        raise asyncio.CancelledError
    assert circuit.is_open
    assert not refused(circuit)


@pytest.mark.parametrize("answer", [ModelAnswerInvalid("prose"), ModelUnavailable("too long", is_outage=False)])
def test_an_answer_of_any_kind_does_not_open_the_circuit(circuit, answer):
    for _ in range(5):
        fail(circuit, answer)
    assert not circuit.is_open


@given(st.lists(st.sampled_from(["works", "away", "invalid", "later"])))
def test_it_is_open_after_as_many_failures_in_a_row_and_never_otherwise(events):
    clock, failures = Clock(), 0
    outcomes = {"works": None, "away": AWAY, "invalid": ModelAnswerInvalid("prose")}
    circuit = CircuitBreaker("model", failures=3, seconds=10, clock=clock)
    for event in events:
        if event == "later":
            clock.now += 13
            continue
        if refused(circuit, outcomes[event]) is not True:
            failures = failures + 1 if event == "away" else 0
        assert circuit.is_open == (failures >= 3)


async def test_the_next_model_writes_while_the_first_is_away_and_is_named():
    first, second = Scripted(AWAY, name="first"), Scripted(DRAFT, name="second")
    chain = ModelChain([BreakingModel(model, failures=2, seconds=60) for model in (first, second)])
    assert chain.name == "first"
    for _ in range(5):
        assert (await chain.draft(None)).model == "second"
    assert (first.asked, second.asked) == (2, 5)
    await chain.close()
    assert first.closed
    assert second.closed


async def test_when_all_are_away_the_first_says_so():
    chain = ModelChain([Scripted(ModelUnavailable("one", 7)), Scripted(ModelUnavailable("two", 9))])
    with pytest.raises(ModelUnavailable, match="one") as caught:
        await chain.draft(None)
    assert caught.value.retry_after == 7


async def test_an_answer_of_the_wrong_form_is_not_asked_of_another_model():
    second = Scripted(DRAFT, name="second")
    chain = ModelChain([Scripted(ModelAnswerInvalid("prose"), name="first"), second])
    with pytest.raises(ModelAnswerInvalid) as caught:
        await chain.draft(None)
    assert (caught.value.model, second.asked) == ("first", 0)
