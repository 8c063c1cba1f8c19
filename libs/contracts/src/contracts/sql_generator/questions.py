"""What is asked, and what kind of query answers it."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from contracts.base import Text

Intent: TypeAlias = Literal["select", "aggregate", "join", "filter", "group_by"]
MAX_QUESTION_CHARS = 1_000
Question: TypeAlias = Annotated[Text, Field(min_length=1, max_length=MAX_QUESTION_CHARS)]
