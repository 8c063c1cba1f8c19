"""`memori embeddings` over a real NATS server; memory-store and embedding-worker are stood in for."""

import asyncio

import pytest
from typer.testing import CliRunner

from contracts.embedding_worker import REEMBED, Reembedding
from contracts.memory_store import COVERAGE, PRUNE_VECTORS, Coverage, ModelCoverage, Pruned
from contracts.methods import ProblemError
from contracts.permissions import SUBSCRIBER, nats_authorization
from contracts.problems import problem
from contracts.topology import MIGRATOR, SERVICES
from memori_cli.local.nats import EmbeddedNats
from memori_cli.main import app
from messaging import create_broker, serve

PASSWORDS = {user: f"password-of-{user}" for user in (*SERVICES, SUBSCRIBER, MIGRATOR)}
OLD, NEW = "all-MiniLM-L6-v2", "text-embedding-3-small"


class System:
    """What the services would answer: vectors by model, of which pruning takes at most 100 at a time."""

    def __init__(self, url):
        self.url = url
        self.memories = 1000
        self.covered = {OLD: 1000, NEW: 250}
        self.worker = Reembedding(model=NEW, others=(OLD,), catching_up=True)
        self.embedded_each_look = 0
        self.looks = 0
        self.away_at = None
        self.woken = 0

    async def coverage(self, _request, _identity):
        self.looks += 1
        if self.looks == self.away_at:
            raise ProblemError(problem("unavailable"))
        if self.woken:
            self.covered[NEW] = min(self.memories, self.covered[NEW] + self.embedded_each_look)
        models = (ModelCoverage(model=name, dimensions=384, memories=count) for name, count in self.covered.items())
        return Coverage(memories=self.memories, models=tuple(models))

    async def reembed(self, _request, _identity):
        self.woken += 1
        return self.worker

    async def prune(self, request, _identity):
        deleted = min(100, self.covered.get(request.model, 0))
        self.covered[request.model] = self.covered.get(request.model, 0) - deleted
        return Pruned(deleted=deleted)

    async def run(self, *arguments, **options):
        command = ["embeddings", *arguments, "--nats-url", self.url, "--nats-password", PASSWORDS[MIGRATOR]]
        return await asyncio.to_thread(CliRunner().invoke, app, command, **options)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server on which each user may do what the topology says."""
    with EmbeddedNats(tmp_path_factory.mktemp("guarded"), nats_authorization(PASSWORDS), durable=False) as server:
        yield server


async def answering(guarded, service, *answers):
    broker = create_broker(guarded.url, service=service, password=PASSWORDS[service], graceful_timeout=0.1)
    for method, handler in answers:
        serve(broker, method, handler)
    await broker.start()
    return broker


@pytest.fixture
async def without_worker(guarded):
    made = System(guarded.url)
    store = await answering(guarded, "memory-store", (COVERAGE, made.coverage), (PRUNE_VECTORS, made.prune))
    yield made
    await store.stop()


@pytest.fixture
async def system(guarded, without_worker):
    worker = await answering(guarded, "embedding-worker", (REEMBED, without_worker.reembed))
    yield without_worker
    await worker.stop()


def row(output, model):
    (line,) = (line for line in output.splitlines() if model in line and "│" in line)
    return [cell.strip() for cell in line.strip("│").split("│")]


async def test_status_shows_what_each_model_covers_and_which_answer(system):
    system.covered["older"] = 17
    shown = await system.run("status")
    assert shown.exit_code == 0
    assert "1,000 memories" in shown.output
    assert row(shown.output, OLD) == [OLD, "384", "1,000", "100 %", "still answers"]
    assert row(shown.output, NEW) == [NEW, "384", "250", "25 %", "configured"]
    assert row(shown.output, "older") == ["older", "384", "17", "1.7 %", "not in use"]
    assert "catching up" in shown.output
    system.covered[NEW] = system.memories
    assert "catching up" not in (await system.run("status")).output


async def test_status_never_says_100_percent_of_almost_all(system):
    system.memories, system.covered[OLD] = 100_000, 99_999
    assert row((await system.run("status")).output, OLD)[3] == "99.9 %"


async def test_status_names_a_configured_model_that_has_embedded_nothing_yet(system):
    system.memories, system.covered = 0, {}
    assert row((await system.run("status")).output, NEW) == [NEW, "-", "0", "-", "configured"]


async def test_status_without_a_worker_says_what_is_not_known(without_worker):
    shown = await without_worker.run("status")
    assert shown.exit_code == 0
    assert row(shown.output, NEW)[-1] == "?"
    assert "embedding-worker does not answer" in shown.output


async def test_reembed_wakes_the_worker_and_waits_until_all_is_covered(system):
    system.embedded_each_look = 500
    done = await system.run("reembed")
    assert done.exit_code == 0
    assert system.woken == 1
    assert f"{NEW} covers all 1,000 memories" in done.stdout
    assert "memori embeddings prune" in done.stdout


async def test_reembed_outlasts_a_store_that_is_away_for_a_moment(system):
    system.embedded_each_look, system.away_at = 500, 2
    assert (await system.run("reembed")).exit_code == 0
    assert system.looks == 3


async def test_reembed_gives_up_when_nothing_moves(system):
    stuck = await system.run("reembed", "--stall-seconds", "1")
    assert stuck.exit_code == 1
    message = " ".join(stuck.stderr.split())
    assert f"750 of 1,000 memories have no vectors of {NEW}" in message


async def test_reembed_is_over_at_once_when_all_is_covered(system):
    system.covered = {NEW: 1000}
    done = await system.run("reembed")
    assert (done.exit_code, done.output) == (0, f"{NEW} covers all 1,000 memories\n")


async def test_reembed_without_a_worker_is_refused(without_worker):
    refused = await without_worker.run("reembed")
    assert refused.exit_code == 1
    assert "embedding-worker does not answer" in refused.stderr


async def test_prune_deletes_the_vectors_of_all_other_models(system):
    system.covered = {OLD: 950, "older": 17, NEW: 1000}
    pruned = await system.run("prune", input="y\n")
    assert pruned.exit_code == 0
    assert f"{OLD}: 950 vectors deleted" in pruned.output
    assert system.covered == {OLD: 0, "older": 0, NEW: 1000}


async def test_prune_asks_first(system):
    system.covered[NEW] = 1000
    assert (await system.run("prune", input="n\n")).exit_code == 1
    assert system.covered[OLD] == 1000
    assert (await system.run("prune", "--yes")).exit_code == 0
    assert system.covered[OLD] == 0


async def test_prune_refuses_while_memories_are_found_by_the_other_model_only(system):
    refused = await system.run("prune", "--yes")
    assert refused.exit_code == 1
    assert f"750 of 1,000 memories have no vectors of {NEW}" in refused.stderr
    assert system.covered[OLD] == 1000
    assert (await system.run("prune", "--yes", "--force")).exit_code == 0
    assert system.covered[OLD] == 0


async def test_prune_finds_nothing_to_do(system):
    system.covered = {NEW: 10}
    done = await system.run("prune")
    assert (done.exit_code, done.output) == (0, f"there are no vectors but those of {NEW}\n")


async def test_prune_without_a_worker_does_not_know_what_to_keep(without_worker):
    refused = await without_worker.run("prune", "--yes", "--force")
    assert refused.exit_code == 1
    assert "nothing was deleted" in refused.stderr
    assert without_worker.covered[OLD] == 1000


@pytest.mark.parametrize("arguments", [["status"], ["reembed"], ["prune"]])
def test_no_server_is_one_line(arguments, tmp_path):
    refused = CliRunner().invoke(app, ["embeddings", *arguments, "--nats-url", "nats://127.0.0.1:9"])
    assert refused.exit_code == 1
    assert "is `memori up` running?" in refused.output
    assert len(refused.output.splitlines()) == 1
    nothing = CliRunner().invoke(app, ["embeddings", *arguments, "--home", str(tmp_path)])
    assert nothing.exit_code == 1
    assert "start it with `memori up`" in " ".join(nothing.output.split())


async def test_a_wrong_password_is_one_line(guarded):
    command = ["embeddings", "status", "--nats-url", guarded.url, "--nats-password", "wrong"]
    refused = await asyncio.to_thread(CliRunner().invoke, app, command)
    assert refused.exit_code == 1
    assert len(refused.output.splitlines()) == 1
