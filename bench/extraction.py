"""What extraction costs those who append turns, and how far it falls behind them; prints a Markdown table.

The same load is sent with entity-extractor stopped and running, in turns, so that both meet the same machine.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
import http_load
import nats
from run import Table
from texts import question, sentence

from contracts.topology import MIGRATOR, READ_TURNS
from memori_cli.local.stack import LocalStack

EXTRACTOR = "entity-extractor"
STATEMENTS = (
    "I live in {}.",
    "I prefer {} charts.",
    "Always exclude {} accounts.",
    "I'm good at {}.",
    "{} means the sum of all orders.",
    "My favourite report is {}.",
)
THINGS = ("Berlin", "Lisbon", "bar", "line", "test", "internal", "Excel", "Tableau", "Turnover", "Margin", "Stock")


def turn(rng: random.Random) -> str:
    """One turn in twenty states something, the others ask or chat."""
    if rng.random() < 0.05:
        return rng.choice(STATEMENTS).format(rng.choice(THINGS))
    return question(rng) if rng.random() < 0.5 else sentence(rng)


async def appended(stack: LocalStack, users: list[str], turns: int, *, clients: int, seed: int) -> http_load.Load:
    """Append so many turns, five a request, to a conversation a user."""
    rng = random.Random(seed)
    conversations = {user: str(uuid4()) for user in users}
    opened = [(user, "/api/conversations", {"conversation_id": each}) for user, each in conversations.items()]
    await http_load.run(stack.gateway_url, opened, clients=1)
    requests = []
    for _ in range(turns // 5):
        user = rng.choice(users)
        said = [{"role": "user", "content": turn(rng)} for _ in range(5)]
        requests.append((user, f"/api/conversations/{conversations[user]}/messages", {"messages": said}))
    return await http_load.run(stack.gateway_url, requests, clients=clients)


async def pending(stack: LocalStack) -> int:
    """How many events wait to be read."""
    client = await nats.connect(stack.nats.url, user=MIGRATOR, password=stack.secrets.nats[MIGRATOR])
    info = await client.jetstream().consumer_info(READ_TURNS.stream, READ_TURNS.name)
    await client.close()
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def caught_up(stack: LocalStack) -> float:
    """Seconds until nothing waits."""
    started = time.perf_counter()
    while await pending(stack):
        await asyncio.sleep(0.1)
    return time.perf_counter() - started


async def rows(stack: LocalStack, table: str) -> int:
    connection = await asyncpg.connect(stack.admin_url)
    count = await connection.fetchval(f"select count(*) from entity_extractor.memori_{table}")
    await connection.close()
    return count


async def measure(stack: LocalStack, table: Table, *, users: int, turns: int, clients: int, rounds: int) -> None:
    names = [f"bench-{n}" for n in range(users)]
    await appended(stack, names, turns // 10, clients=clients, seed=0)
    await caught_up(stack)
    part = turns // rounds
    for number in range(1, rounds + 1):
        stack.supervisor.stop(EXTRACTOR)
        off = await appended(stack, names, part, clients=clients, seed=number)
        stack.supervisor.start(EXTRACTOR)
        stack.supervisor.wait_ready(timeout=60)
        backlog = await caught_up(stack)
        on = await appended(stack, names, part, clients=clients, seed=rounds + number)
        waiting = await pending(stack)
        after = await caught_up(stack)
        table.add(
            f"append 5 turns, extraction on, {clients} clients (round {number})",
            f"{5 * on.rate:.0f} turns/s, p50 {on.percentile(0.5):.1f} ms, p95 {on.percentile(0.95):.1f} ms",
            f"{5 * off.rate:.0f} turns/s, p50 {off.percentile(0.5):.1f} ms, p95 {off.percentile(0.95):.1f} ms, off",
            f"p95 {on.percentile(0.95) / off.percentile(0.95):.2f}",
        )
        table.add(
            f"turns read behind them (round {number})",
            f"{waiting} waiting at the end, none {after:.1f} s later; {part / backlog:.0f}/s of what had piled up",
        )
    table.add("what was learned", f"{await rows(stack, 'facts')} facts of {await rows(stack, 'turns'):,} turns")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    table = Table()
    with tempfile.TemporaryDirectory(prefix="memori-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with LocalStack(folder / "home", restart=False, settings={"MEMORI_LLM_PROVIDER": "offline"}) as stack:
            asyncio.run(measure(stack, table, **vars(arguments)))
    print()
    print(f"{os.cpu_count()} cores shared by everything, the load generator included\n")
    print(table.markdown())


if __name__ == "__main__":
    main()
