"""`memori eval recall` against the whole system, started by the command or running already."""

import json
import random
import time

import jwt
import pytest
from typer.testing import CliRunner

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
    """Writes generated conversations, each with small talk, a definition of each thing and a question about it.

    Nothing is said in two of them (up to three), since memories of a user that say the same become one.
    """

    def write(count, seed=7, name="dialogues"):
        draw = random.Random(seed)
        path = tmp_path / f"{name}.jsonl"
        with path.open("w") as lines:
            for number in range(count):
                said = [(f"For us {thing} means {how[number % 3]}", thing) for thing, how in _THINGS.items()]
                lunches = (f"Lunch on day {8 * number + day} was {draw.choice(('good', 'late'))}" for day in range(8))
                said += [(lunch, None) for lunch in lunches]
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


@pytest.fixture
def stack(offline_stack):
    return offline_stack


def evaluate(*arguments):
    result = CliRunner().invoke(app, ["eval", "recall", *map(str, arguments)])
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
    assert {hit["occurred_at"] for hit in held} == {f"2025-01-{day:02}T00:00:00Z" for day in range(1, 13)}


def test_slips_of_the_data_are_warned_of_and_counted(dialogues, stack):
    path = dialogues(1, seed=9)
    conversation = json.loads(path.read_text())
    conversation["turns"][0]["time"] = "once upon a time"
    conversation["turns"].append({"id": "silent", "speaker": "Ada", "text": ""})
    conversation["questions"] += [
        {"question": "Who is silent?", "evidence": ["silent"], "category": "slip"},
        {"question": "What does revenue mean?", "evidence": ["D99"], "category": "slip"},
    ]
    path.write_text(json.dumps(conversation))
    result = CliRunner().invoke(app, ["eval", "recall", str(path), "--url", stack.gateway_url, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["turns"], found["skipped_turns"], found["unread_times"]) == (12, 1, 1)
    assert (found["unknown_evidence"], found["skipped_questions"]) == (2, 3)
    assert "slip" not in found["categories"]
    assert result.stderr.count("warning: ") == 3
    assert "'once upon a time'" in result.stderr


def test_texts_and_questions_beyond_the_limits_of_the_api_are_cut(dialogues, stack):
    path = dialogues(1, seed=10)
    conversation = json.loads(path.read_text())
    conversation["turns"][0]["text"] += " and so on" * 2_000
    conversation["questions"][0]["question"] += " Please tell me." * 100
    path.write_text(json.dumps(conversation))
    assert json.loads(evaluate(path, "--url", stack.gateway_url, "--json"))["overall"]["recall@20"] == 1


def test_every_question_is_asked_again_with_terms_of_the_score_left_out(dialogues, stack):
    found = json.loads(evaluate(dialogues(2), "--url", stack.gateway_url, "--json", "--ablate"))
    full, *variants = found["ablation"]
    assert full["overall"] == found["overall"]
    assert [len(row["without"]) for row in variants] == [1] * 6 + [5] * 2
    for row in variants:
        assert row["overall"]["questions"] == found["overall"]["questions"]
        assert row["recall@10_difference"] == row["overall"]["recall@10"] - full["overall"]["recall@10"]
        assert row["degraded"] == 0
    # Each question shares its words with one definition and with no small talk.
    assert next(row for row in variants if row["variant"] == "text alone")["overall"]["recall@5"] == 1


def test_several_files_are_measured_apart_and_together(dialogues, stack):
    files = dialogues(1, seed=11, name="talks_1"), dialogues(2, seed=12, name="talks_2")
    found = json.loads(evaluate(*files, "--url", stack.gateway_url, "--json"))
    assert (found["conversations"], found["users"], found["overall"]["questions"]) == (3, 3, 12)
    assert {name: file["overall"]["questions"] for name, file in found["files"].items()} == {"talks_1": 4, "talks_2": 8}


def test_recall_by_term_is_drawn(dialogues, stack, tmp_path):
    files = dialogues(1, name="talks_1"), dialogues(1, seed=8, name="talks_2")
    shown = evaluate(*files, "--url", stack.gateway_url, "--plot", tmp_path / "plots")
    assert "What the terms of the score contribute" in shown
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {"recall_by_term_talks.svg", "recall_by_term_talks.png"}
    assert "vector alone" in (tmp_path / "plots" / "recall_by_term_talks.svg").read_text()


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


def test_a_folder_for_charts_that_cannot_be_made_is_refused_before_anything_starts(dialogues, tmp_path):
    (tmp_path / "file").touch()
    options = ["--home", str(tmp_path / "home"), "--plot", str(tmp_path / "file" / "plots")]
    result = CliRunner().invoke(app, ["eval", "recall", str(dialogues(1)), *options])
    assert result.exit_code == 1
    assert "Not a directory" in result.stderr
    assert not (tmp_path / "home").exists()


def test_a_gateway_that_is_away_is_said_so(dialogues):
    result = CliRunner().invoke(app, ["eval", "recall", str(dialogues(1)), "--url", "http://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "ConnectError" in result.stderr
