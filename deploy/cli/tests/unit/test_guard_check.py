"""`memori guard check`: a verdict for each statement of a file, or a clear word about the file."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from memori_cli.main import app

STATEMENTS = [
    {"sql": "SELECT name FROM customers", "dialect": "postgres", "why": "honest"},
    {"sql": "DELETE FROM customers", "dialect": "postgres"},
    {"sql": "SELECT `name` FROM customers", "dialect": "mysql"},
    "SELECT 'é' -- no dialect",
    {"sql": "SELECT 1;", "dialect": None},
]


def run(*arguments, file=None):
    return CliRunner().invoke(app, ["guard", "check", *map(str, arguments)], input=file)


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "statements.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


def verdicts(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_line_of_json_for_each_statement_in_the_order_of_the_file(written):
    result = run("--dialect", "postgres", written(STATEMENTS))
    assert result.exit_code == 0
    assert verdicts(result) == [
        {"sql": "SELECT name FROM customers", "allowed": True, "reason": "reads only"},
        {"sql": "DELETE FROM customers", "allowed": False, "reason": "only queries are allowed"},
        {"sql": "SELECT 'é' -- no dialect", "allowed": True, "reason": "reads only"},
        {"sql": "SELECT 1;", "allowed": True, "reason": "reads only"},
    ]
    assert result.stderr == "3 allowed, 1 refused; 1 of other dialects left out\n"


def test_statements_of_another_dialect_are_never_judged_as_the_given_one(written):
    judged = verdicts(run("--dialect", "mysql", written(STATEMENTS)))
    assert [row["sql"] for row in judged] == ["SELECT `name` FROM customers", "SELECT 'é' -- no dialect", "SELECT 1;"]
    assert all(row["allowed"] for row in judged)


def test_without_a_dialect_each_is_judged_as_what_it_states(written):
    assert [row["allowed"] for row in verdicts(run(written(STATEMENTS[:3])))] == [True, False, True]


def test_standard_input_and_a_byte_order_mark_are_read():
    result = run("--dialect", "sqlite", "-", file=b"\xef\xbb\xbf" + b'["SELECT \\ud800"]')
    assert result.exit_code == 0
    assert verdicts(result) == [{"sql": "SELECT \ud800", "allowed": False, "reason": "the text is not valid Unicode"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"SELECT 1", "not JSON: Expecting value: line 1 column 1"),
        (b"\xff[]", "not UTF-8 at byte 0"),
        (b"[" * 100_000, "not JSON"),
        ({"sql": "SELECT 1"}, "not a JSON list of statements"),
        (["SELECT 1", 2], 'statement 2 is neither a string nor an object with a string "sql"'),
        ([{"query": "SELECT 1"}], 'statement 1 is neither a string nor an object with a string "sql"'),
        ([{"sql": None}], "statement 1 is neither"),
        (["SELECT 1", {"sql": "SELECT 1", "dialect": "oracle"}], "statement 2 states the dialect 'oracle'; known are"),
        ([{"sql": "SELECT 1", "dialect": ["sqlite"]}], "statement 1 states the dialect ['sqlite']"),
        (["SELECT 1"], "statement 1 states no dialect: say which with --dialect"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_named_with_what_is_wrong(written, content, message):
    result = run(written(content))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there_is_named(tmp_path):
    result = run(tmp_path / "none.json")
    assert result.exit_code == 2
    assert "none.json: No such file or directory" in result.stderr


def test_no_database_driver_and_no_service_is_loaded_to_judge():
    script = (
        "import sys; from memori_cli.main import app\n"
        "try: app(['guard', 'check', '-', '--dialect', 'sqlite'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'sqlalchemy', 'asyncpg', 'nats', 'sql_generator', 'faststream', 'numpy'}, loaded\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], input=b'["SELECT 1"]', capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
