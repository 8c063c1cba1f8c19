"""What errors of a real Postgres mean to whoever asked, and what is kept of them."""

import asyncio

import pytest
from pydantic import BaseModel, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from contracts.methods import ProblemError
from contracts.problems import problem
from messaging import GiveUp, RetryLater
from messaging.errors import problem_of, reason_of
from persistence import Database

SECRET = "what Ada told nobody"


@pytest.fixture
async def counters(postgres_database):
    made = Database(postgres_database, application="test")
    async with made.worker_transaction() as transaction:
        await transaction.execute(text("create table counters (name text primary key, value int)"))
        await transaction.execute(text("insert into counters values ('a', 0), ('b', 0)"))
    yield made
    await made.close()


async def add_one(transaction, name):
    await transaction.execute(text("update counters set value = value + 1 where name = :name"), {"name": name})


async def test_of_two_transactions_in_a_deadlock_the_one_given_up_may_try_again(counters):
    both_began = asyncio.Barrier(2)

    async def in_order(first, second):
        async with counters.worker_transaction() as transaction:
            await add_one(transaction, first)
            await both_began.wait()
            await add_one(transaction, second)

    outcomes = await asyncio.gather(in_order("a", "b"), in_order("b", "a"), return_exceptions=True)
    (victim,) = [outcome for outcome in outcomes if outcome is not None]
    assert (problem_of(victim).type, problem_of(victim).retry_after) == ("unavailable", 1)


async def test_a_transaction_that_cannot_be_put_in_an_order_may_try_again(counters):
    isolated = text("set transaction isolation level repeatable read")

    async def late():
        async with counters.worker_transaction() as transaction:
            await transaction.execute(isolated)
            await transaction.execute(text("select * from counters"))
            async with counters.worker_transaction() as other:
                await add_one(other, "a")
            await add_one(transaction, "a")

    with pytest.raises(DBAPIError) as caught:
        await late()
    assert (problem_of(caught.value).type, problem_of(caught.value).retry_after) == ("unavailable", 1)


async def test_a_value_the_database_quotes_is_not_in_the_reason(counters):
    async def cast():
        async with counters.worker_transaction() as transaction:
            await transaction.execute(text("select cast(cast(:words as text) as integer)"), {"words": SECRET})

    with pytest.raises(DBAPIError) as caught:
        await cast()
    assert SECRET in str(caught.value)
    assert SECRET not in reason_of(caught.value)
    assert "InvalidTextRepresentationError" in reason_of(caught.value)


def test_a_value_the_parser_quotes_is_not_in_the_reason():
    class Model(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"number": SECRET})
    assert SECRET in str(caught.value)
    assert reason_of(caught.value) == "ValidationError"


@pytest.mark.parametrize(
    "error", [GiveUp("too long"), RetryLater("away"), ProblemError(problem("conflict", "too late"))]
)
def test_what_was_written_for_it_is_the_reason(error):
    assert reason_of(error) == f"{type(error).__name__}: {error}"
