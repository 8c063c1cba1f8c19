"""The writer on a real source, with a model that says what it is told to."""

import asyncio
import time

from contracts.sql_generator import DatabaseSchema, Table
from sql_generator.generation.model import Draft, GenerationContext
from sql_generator.rules.rulebook import RuleBook
from sql_generator.sources import Limits
from sql_generator.sources.connect import ConnectPolicy, open_source
from sql_generator.use_cases.writing import Writer

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"


class Says:
    """A model that always writes the same."""

    name = "says"

    def __init__(self, sql):
        self._sql = sql

    async def draft(self, _context):
        return Draft(sql=self._sql, explanation="", intent="select", confidence=1.0)

    async def close(self):
        """Nothing is held."""


async def test_a_statement_is_stopped_at_the_deadline_of_the_question(shop):
    context = GenerationContext("Count", DatabaseSchema(dialect="sqlite", tables=(Table(name="orders", columns=()),)))
    source = open_source("sqlite", str(shop), policy=ConnectPolicy())
    started = time.monotonic()
    deadline = asyncio.get_running_loop().time() + 1.0
    writer = Writer(Limits(seconds=20))
    written = await writer.write(
        Says(ENDLESS), context, RuleBook((), context.question, context.schema), source, execute=True, deadline=deadline
    )
    assert time.monotonic() - started < 5
    assert written.status == "failed"
    assert "was stopped" in written.reason
