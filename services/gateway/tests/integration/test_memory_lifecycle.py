"""What becomes of memories: what each route asks of memory-store, and what it answers."""

from uuid import uuid4

import pytest

from contracts import memory_store
from contracts.memory_store import Archived, MemoriesByType, MemoryHistory, MemoryVersion, Statistics
from contracts.methods import Empty, ProblemError
from contracts.problems import problem


async def test_the_history_of_a_memory_is_read_by_page(ada, services):
    memory = (await ada.post("/api/memories", json={"content": "x"})).json()
    change = {"change": "updated", "changed_by": "user", "reason": None, "changed_at": memory["updated_at"]}
    version = MemoryVersion.model_validate(memory | change)

    async def page(request, identity):
        return MemoryHistory(memory_id=request.memory_id, versions=(version,), next_cursor="more")

    services.on(memory_store.HISTORY, page)
    path = f"/api/memories/{memory['memory_id']}/history"
    history = (await ada.get(path)).json()
    assert history["memory_id"] == memory["memory_id"]
    assert history["versions"] == [version.model_dump(mode="json")]
    assert history["next_cursor"] == "more"
    await ada.get(path, params={"limit": 100, "cursor": "more"})
    assert services.asked(memory_store.HISTORY) == [
        memory_store.ListHistory(memory_id=memory["memory_id"]),
        memory_store.ListHistory(memory_id=memory["memory_id"], limit=100, cursor="more"),
    ]


@pytest.mark.parametrize(("verb", "method"), [("promote", memory_store.PROMOTE), ("restore", memory_store.RESTORE)])
async def test_a_memory_is_promoted_and_restored(ada, services, verb, method):
    memory = (await ada.post("/api/memories", json={"content": "x", "memory_type": "short_term"})).json()

    async def changed(request, identity):
        return memory_store.Memory(**memory | {"memory_type": "long_term", "importance_score": 0.6})

    services.on(method, changed)
    answer = await ada.post(f"/api/memories/{memory['memory_id']}/{verb}")
    assert answer.status_code == 200
    assert answer.json() == memory | {"memory_type": "long_term", "importance_score": 0.6}
    assert services.asked(method) == [memory_store.MemoryRef(memory_id=memory["memory_id"])]


@pytest.mark.parametrize(("verb", "method"), [("promote", memory_store.PROMOTE), ("restore", memory_store.RESTORE)])
async def test_what_the_state_of_a_memory_does_not_allow_is_a_conflict(ada, services, verb, method):
    async def refuse(request, identity):
        raise ProblemError(problem("conflict", "it is long-term"))

    services.on(method, refuse)
    answer = await ada.post(f"/api/memories/{uuid4()}/{verb}")
    assert (answer.status_code, answer.json()["type"]) == (409, "conflict")
    assert answer.json()["detail"] == "it is long-term"


async def test_memories_are_summed_up(ada, services):
    by_type = MemoriesByType(short_term=1, long_term=2, rules=3)

    async def counted(request, identity):
        return Statistics(total_memories=6, by_type=by_type, archived=4, average_importance=0.5)

    services.on(memory_store.STATISTICS, counted)
    answer = await ada.get("/api/memories/statistics/summary")
    assert answer.status_code == 200
    assert answer.json() == {
        "total_memories": 6,
        "by_type": {"short_term": 1, "long_term": 2, "rules": 3, "entities": 0, "relationships": 0},
        "archived": 4,
        "average_importance": 0.5,
    }
    assert services.asked(memory_store.STATISTICS) == [Empty()]
    assert services.asked(memory_store.GET) == []


@pytest.mark.parametrize(("params", "days"), [({}, 30), ({"days_threshold": 1}, 1), ({"days_threshold": 365}, 365)])
async def test_what_is_old_and_matters_little_is_archived(ada, services, params, days):
    async def archived(request, identity):
        return Archived(archived_count=3, threshold_days=request.days_threshold)

    services.on(memory_store.ARCHIVE, archived)
    answer = await ada.post("/api/memories/maintenance/archive", params=params)
    assert answer.status_code == 200
    assert answer.json() == {"status": "completed", "archived_count": 3, "threshold_days": days}
