from uuid import uuid4

import pytest

from contracts.sql_generator import Answer
from sql_generator.domain.remembering import interaction


@pytest.mark.parametrize("sql", ["SELECT 1", "SELECT " + "1, " * 20_000 + "1"])
def test_an_interaction_is_remembered_under_the_querys_id_within_the_limits(sql):
    answer = Answer(
        query_id=uuid4(),
        question="What is one?",
        data_source_id=uuid4(),
        conversation_id=None,
        status="generated",
        sql=sql,
        explanation="",
        intent="select",
        confidence=1.0,
        model="m",
    )
    memory = interaction(answer)
    assert memory.memory_id == answer.query_id
    assert memory.content.startswith("Asked: What is one? → SQL: SELECT 1")
    assert len(memory.content) <= 10_000
    assert memory.metadata["data_source_id"] == str(answer.data_source_id)
