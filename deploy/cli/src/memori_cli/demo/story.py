"""`memori demo`: starts the embedded stack and tells what the product does, each claim checked as it is made."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from memori_cli.demo.screen import Screen
from memori_cli.demo.subscriber import Subscriber
from memori_cli.local.server import LocalServerError
from memori_cli.local.stack import LocalStack
from memori_cli.sample import create
from memori_client import Memori, MemoriError

_DEADLINE_SECONDS = 30.0

_REVENUE = "Revenue means sum(order_items.quantity * order_items.unit_price)"
_BIG = "Business customers are those with segment = 'business'"
_FACTS = (
    (_REVENUE, "long_term"),
    (_BIG, "long_term"),
    ("Our biggest worry this year is customers who send their parcels back", "long_term"),
    ("Prefers aliases for all tables", "rule"),
)


class Person:
    """A user of the HTTP API, with a name for the story and an id nobody had before."""

    def __init__(self, base_url: str, name: str) -> None:
        self.name = name
        self.user_id = f"{name.lower()}-{uuid4().hex[:6]}"
        self.memori = Memori(base_url, user_id=self.user_id)


def run(home: Path, *, keep: bool) -> int:
    """Tell the story; returns 0 when every claim held."""
    screen = Screen()
    screen.console.print("[bold]Memori for Text2SQL[/] — a memory that makes questions over data answerable")
    screen.chapter("The stack", "PostgreSQL with pgvector, NATS JetStream and five services; no container, no key.")
    settings = {} if os.environ.get("ANTHROPIC_API_KEY") else {"MEMORI_LLM_PROVIDER": "offline"}
    stack = LocalStack(home, settings=settings)
    try:
        with screen.working("everything is up"):
            stack.start()
    except LocalServerError as error:
        screen.console.print(f"[red]{error}[/]", markup=True)
        screen.console.print("`memori doctor` says how to mend it.")
        return 1
    try:
        _tell(screen, stack, home)
        failed = len(screen.failures)
        screen.chapter("The end", f"{screen.seconds:.0f} s in all. Next: `make run`, then http://127.0.0.1:8000/docs")
        if failed:
            screen.console.print(f"[red]{failed} of the claims did not hold[/]")
        if keep:
            screen.console.print(f"The system keeps running at {stack.gateway_url}; Ctrl-C ends it.")
            _wait_for_interrupt()
        return 1 if failed else 0
    finally:
        stack.stop()


def _tell(screen: Screen, stack: LocalStack, home: Path) -> None:
    ada, eve = Person(stack.gateway_url, "Ada"), Person(stack.gateway_url, "Eve")
    source = _connect_shop(screen, ada, home)
    _ask_before(screen, ada, source)
    _remember(screen, stack, ada)
    _search(screen, ada)
    _ask(screen, ada, source)
    _reuse(screen, ada, source)
    _isolate(screen, ada, eve)
    _refuse(screen, ada, source)


def _connect_shop(screen: Screen, ada: Person, home: Path) -> str:
    screen.chapter(
        "A database", "A generated shop: two years of orders. Ada registers it; its schema is read and kept."
    )
    summary = create(home / "shop.sqlite")
    screen.note(", ".join(f"{count:,} {table}" for table, count in summary.rows.items()))
    source = ada.memori.connect("shop", "sqlite", str(summary.path))
    screen.check(source["status"] == "ready", f"{source['table_count']} tables known")
    return str(source["data_source_id"])


def _question(screen: Screen, person: Person, question: str, source: str) -> dict[str, Any]:
    screen.says(person.name, question)
    answer = person.memori.ask(question, data_source_id=source, execute=True)
    screen.answer(answer)
    return answer


def _ask_before(screen: Screen, ada: Person, source: str) -> None:
    screen.chapter("Before", "Nothing is known yet about what words mean here.")
    answer = _question(screen, ada, "What is our revenue by country?", source)
    if answer["model"] == "offline":
        screen.note(answer["reason"] or answer["explanation"])
        screen.check(answer["status"] == "abstained", "it says what it does not know instead of guessing")


def _remember(screen: Screen, stack: LocalStack, ada: Person) -> None:
    screen.chapter(
        "Remember",
        "Each memory is committed, then announced: a plain nats-py subscriber hears its id, never its content.",
    )
    arrived: list[str] = []
    lock = threading.Lock()

    def received(event: dict[str, Any]) -> None:
        if event["userid"] == ada.user_id:
            with lock:
                arrived.append(event["data"]["memory_id"])
                screen.event(f"{event['type']}  {event['data']['memory_id']}")

    with Subscriber(stack.subscriber_url(), received):
        told = []
        for content, memory_type in _FACTS:
            screen.says("Ada", content, kind=memory_type)
            told.append(ada.memori.remember(content, memory_type=memory_type)["memory_id"])
        _until(lambda: set(arrived) >= set(told))
    screen.check(set(arrived) == set(told), f"{len(told)} memories, {len(arrived)} events")


def _search(screen: Screen, ada: Person) -> None:
    screen.chapter(
        "Find by meaning", "Embedded in the background; this question shares no word with the memory it finds."
    )
    query = "What are we most afraid of: too many refunds?"
    started = time.monotonic()

    def by_meaning() -> Any:
        hits = ada.memori.search(query)["results"]
        return next((hit for hit in hits if "vector" in hit["matched_by"] and "parcels" in hit["content"]), None)

    screen.says("Ada", query, kind="search")
    hit = _until(by_meaning)
    screen.check(hit is not None, f"found {time.monotonic() - started:.1f} s after it was asked for")
    if hit:
        screen.note(f"“{hit['content']}”  cosine similarity {hit['similarity_score']:.2f}")
    _until(ada.memori.rules)


def _ask(screen: Screen, ada: Person, source: str) -> None:
    screen.chapter("Ask", "The SQL is written with what was remembered, checked, and run read-only.")
    answer = _question(screen, ada, "What is our revenue by country?", source)
    screen.check(answer["status"] == "executed", "the question it had no answer to before is answered")
    shown = any(memory["content"].startswith("Revenue means") for memory in answer["memories"])
    screen.check(shown or answer["model"] != "offline", "with Ada's own definition of revenue")
    answer = _question(screen, ada, "How many business customers are there per country?", source)
    screen.check(answer["status"] == "executed", "with Ada's idea of a business customer")
    screen.check(" AS " in (answer["sql"] or ""), "and her rule: every table has an alias")
    answer = _question(screen, ada, "Top 5 products by revenue", source)
    screen.check(bool(answer["result"]) and answer["result"]["row_count"] == 5, "five products")
    answer = _question(screen, ada, "How many orders are there per status?", source)
    screen.check(answer["status"] == "executed", "a plain count")


def _reuse(screen: Screen, ada: Person, source: str) -> None:
    screen.chapter("Learn", "What worked is kept, and serves the same question in other words.")
    answer = _question(screen, ada, "How many orders do we have for each status?", source)
    learned = [pattern["question"] for pattern in answer["patterns"]]
    screen.check(bool(learned), "it names the question whose SQL worked before")


def _isolate(screen: Screen, ada: Person, eve: Person) -> None:
    screen.chapter("Nobody else", "Eve is another user. Row-level security in the database keeps her out.")
    memory = ada.memori.search("revenue")["results"][0]["memory_id"]
    screen.check(
        eve.memori.search("revenue", min_similarity=-1)["total"] == 0, "Eve's search finds none of Ada's memories"
    )
    screen.check(_status(eve, memory) == 404, "not even by its id: 404")
    screen.check(eve.memori.data_sources() == [], "nor Ada's database")


def _status(person: Person, memory_id: str) -> int:
    try:
        person.memori.memory(memory_id)
    except MemoriError as error:
        return error.status
    return 200


def _refuse(screen: Screen, ada: Person, source: str) -> None:
    screen.chapter("Harmless", "A statement in a question's guise.")
    screen.says("Ada", "DROP TABLE customers")
    answer = ada.memori.ask("DROP TABLE customers", data_source_id=source, execute=True)
    screen.note(f"{answer['status']}: {answer['reason']}")
    screen.check(answer["status"] in {"refused", "abstained"} and answer["result"] is None, "nothing ran")
    count = ada.memori.ask("How many customers are there?", data_source_id=source, execute=True)
    rows = count["result"]["rows"] if count["result"] else []
    screen.check(bool(rows), f"the customers are all there: {rows[0][0] if rows else 'no answer'}")


def _until(check: Callable[[], Any]) -> Any:
    """What the check returns once it is true, or its last answer when the time is up."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not (found := check()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _wait_for_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
