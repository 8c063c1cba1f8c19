"""`memori eval recall` against the whole system, started by the command or running already."""

import json
import random
import time

import jwt
import pytest
from typer.testing import CliRunner

from memori_cli.local.stack import LocalStack
from memori_cli.main import app
from memori_client import Memori

_THINGS = {
    "revenue": ("net of returns", "gross with shipping", "booked at delivery"),
    "churn": ("ninety days without an order", "a cancelled contract", "no login for a quarter"),
    "fiscal year": ("April to March", "the calendar year", "February to January"),
    "active customer": ("one order this month", "a login this week", "an open subscription"),
}


@pytest.fixture
def dialogues(tmp_path):
    """Writes generated conversations, each with small talk, a definition of each thing and a question about it."""

    def write(count, seed=7):
        draw = random.Random(seed)
        path = tmp_path / "dialogues.jsonl"
        with path.open("w") as lines:
            for number in range(count):
                said = [(f"For us {thing} means {draw.choice(how)}", thing) for thing, how in _THINGS.items()]
                said += [(f"Lunch on day {day} was {draw.choice(('good', 'late', 'cold'))}", None) for day in range(8)]
                draw.shuffle(said)
                turns = [
                    {"id": f"D{i}", "speaker": draw.choice(("Ada", "Eve")), "text": text, "time": f"2025-01-{i + 1:02}"}
                    for i, (text, _) in enumerate(said)
                ]
                questions = [
                    {"question": f"What does {thing} mean?", "evidence": [f"D{i}"], "category": thing.split()[-1]}
                    for i, (_, thing) in enumerate(said)
                    if thing
                ]
                questions.append({"question": "What is the capital?", "evidence": [], "category": "unanswerable"})
                lines.write(json.dumps({"conversation": f"c{number}", "turns": turns, "questions": questions}) + "\n")
        return path

    return write


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = tmp_path_factory.mktemp("eval")
    made.chmod(0o711)
    return made


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    home = tmp_path_factory.mktemp("running")
    home.chmod(0o711)
    with LocalStack(home, durable=False, restart=False, settings={"MEMORI_LLM_PROVIDER": "offline"}) as running:
        yield running


def evaluate(path, *options):
    result = CliRunner().invoke(app, ["eval", "recall", str(path), *map(str, options)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_starts_the_system_and_prints_what_it_measured(dialogues, home):
    shown = evaluate(dialogues(2), "--home", home)
    assert "overall" in shown
    assert "24 turns of 2 conversations held by 2 users, 2 questions without evidence left out" in shown
    assert "degraded answers 0.0%" in shown


def test_each_conversation_is_asked_of_its_own_user_and_the_evidence_is_found(dialogues, stack):
    found = json.loads(evaluate(dialogues(2), "--url", stack.gateway_url, "--json"))
    assert (found["conversations"], found["users"], found["turns"], found["skipped_questions"]) == (2, 2, 24, 2)
    assert set(found["categories"]) == {"revenue", "churn", "year", "customer"}
    assert found["overall"]["questions"] == 8
    assert found["overall"]["recall@5"] == found["overall"]["mrr"] == 1
    assert found["degraded"] == 0
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p95"]


def test_a_second_run_stores_nothing_twice(dialogues, stack):
    path = dialogues(2, seed=8)
    claims = {"sub": "again", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, stack.secrets.secret_key, algorithm="HS256")
    first, second = (
        json.loads(evaluate(path, "--url", stack.gateway_url, "--token", token, "--json")) for _ in range(2)
    )
    assert first["users"] == 1
    assert first["overall"]["recall@5"] == second["overall"]["recall@5"] == 1
    with Memori(stack.gateway_url, token=token) as memori:
        held = memori.search("lunch", min_similarity=-1, limit=100)["results"]
    assert len(held) == first["turns"] == 24
    assert len({hit["conversation_id"] for hit in held}) == 2
    assert {hit["metadata"]["turn"] for hit in held} == {f"D{i}" for i in range(12)}


def test_together_all_conversations_are_searched_at_once(dialogues, stack):
    found = json.loads(evaluate(dialogues(2), "--url", stack.gateway_url, "--together", "--json"))
    assert found["users"] == 1
    # A definition of the same thing in the other conversation can come first, and none comes in between.
    assert 0.5 <= found["overall"]["mrr"] <= 1
    assert found["overall"]["recall@5"] == 1


def test_a_malformed_file_is_refused_before_anything_starts(tmp_path):
    path = tmp_path / "wrong.jsonl"
    path.write_text('{"conversation": "c", "turns": [{"id": 1}], "questions": []}')
    result = CliRunner().invoke(app, ["eval", "recall", str(path), "--home", str(tmp_path / "home")])
    assert result.exit_code == 1
    assert "line 1: turns.0.id" in result.stderr
    assert not (tmp_path / "home").exists()


def test_a_gateway_that_is_away_is_said_so(dialogues):
    result = CliRunner().invoke(app, ["eval", "recall", str(dialogues(1)), "--url", "http://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "ConnectError" in result.stderr
