"""What is logged of an exception says where and what kind, and nothing that somebody wrote."""

import json
import subprocess
import sys

import pytest
from pydantic import BaseModel

from observability.tracebacks import without_texts

SECRET = "the user's own words"


class Model(BaseModel):
    number: int


def refuse_words():
    Model.model_validate({"number": SECRET})


def caught(function):
    try:
        function()
    except Exception as error:  # noqa: BLE001  # whatever the function raises
        return without_texts((type(error), error, error.__traceback__))
    raise AssertionError("nothing was raised")


def test_a_traceback_tells_the_type_and_the_place_and_not_the_text():
    shown = caught(refuse_words)
    assert shown.splitlines()[-1].endswith("ValidationError")
    assert "in refuse_words" in shown
    assert SECRET not in shown


def chained():
    try:
        refuse_words()
    except ValueError as error:
        raise RuntimeError(SECRET) from error


def unchained():
    try:
        refuse_words()
    except ValueError:
        raise RuntimeError(SECRET) from None


def grouped():
    raise ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)])


def circular():
    one, two = ValueError(SECRET), KeyError(SECRET)
    one.__cause__, two.__cause__ = two, one
    raise one


@pytest.mark.parametrize(
    ("function", "types"),
    [
        (chained, ["ValidationError", "RuntimeError"]),
        (unchained, ["RuntimeError"]),
        (grouped, ["ExceptionGroup", "ValueError", "KeyError"]),
        (circular, ["KeyError", "ValueError"]),
    ],
)
def test_whatever_led_to_it_is_named_once(function, types):
    shown = caught(function)
    assert SECRET not in shown
    named = [
        line.rsplit(".", 1)[-1]
        for line in shown.splitlines()
        if line.strip().split(".")[0] in {"builtins", "pydantic_core"}
    ]
    assert named == types


LOGGING = f"""
import logging
from observability import logger, logs

logs.configure("test")
try:
    raise ValueError({SECRET!r})
except ValueError:
    logger("ours").exception("it_failed")
    logging.getLogger("another").exception("so did this")
"""


def test_logs_of_ours_and_of_libraries_leave_the_text_out():
    written = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines] == ["it_failed", "so did this"]
    for line in lines:
        assert line["exception"].endswith("builtins.ValueError")
    assert SECRET not in written
