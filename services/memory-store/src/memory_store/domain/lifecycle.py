"""When a memory expires, is archived, promoted; and what undoing each of these means."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.events import MemoryType
from contracts.memory_store import ChangeKind
from memory_store.domain.importance import promoted_importance

PROMOTE_ACCESSES = 5
PROMOTE_IMPORTANCE = 0.7
PROMOTE_CONVERSATIONS = 3
"""A short-term memory is promoted when it was found this often and matters this much, or helped in this many
conversations.
"""

ARCHIVE_IMPORTANCE = 0.3
ARCHIVE_ACCESSES = 2
"""A short-term memory that is old enough is archived when it matters less and was found less often than this."""

LIFECYCLE = "lifecycle"
REVIEW = "review"
USER = "user"
"""Who changes memories: their user, the sweeps over time, the review of new ones against old ones."""

UNDOES = "undoes {}"
"""Why a memory was restored: to undo what its change, or the reason it was archived for, says."""
PROMOTION_UNDONE = UNDOES.format("promoted")


@dataclass(frozen=True, slots=True)
class Undone:
    """What restoring a memory sets."""

    values: dict[str, object]
    importance_from_history: bool = False


def expiry(
    memory_type: MemoryType, stated: datetime | None, *, now: datetime, short_term: timedelta
) -> datetime | None:
    """When a memory expires that is new now: as stated, else short-term ones after `short_term`, the others never."""
    if stated is None and memory_type == "short_term":
        return now + short_term
    return stated


def promotion(importance_score: float) -> dict[str, object]:
    """What promoting a memory that matters this much sets."""
    return {
        "memory_type": "long_term",
        "expires_at": None,
        "importance_score": promoted_importance(importance_score),
    }


def undo(
    *,
    is_archived: bool,
    change: ChangeKind,
    memory_type: MemoryType,
    expires_at: datetime | None,
    now: datetime,
    short_term: timedelta,
) -> Undone | None:
    """What undoes the archive, supersession or promotion of a memory; None when there is nothing to undo.

    One that expired gets a new span of life, or it would expire again at once. A promotion is undone to what its
    history says it was before.
    """
    if is_archived:
        values: dict[str, object] = {"is_archived": False, "archived_reason": None, "superseded_by": None}
        if expires_at is not None and expires_at <= now:
            values["expires_at"] = now + short_term
        return Undone(values)
    if change == "promoted" and memory_type == "long_term":
        return Undone({"memory_type": "short_term", "expires_at": now + short_term}, importance_from_history=True)
    return None
