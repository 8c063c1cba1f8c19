"""What a search knows of each memory it may find, before anything is weighed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Numbers = npt.NDArray[np.int64]

NO_CONVERSATION = -1
_PAUSE_SECONDS = 3600.0
"""A conversation that rested for longer goes on as another episode."""


@dataclass(frozen=True, slots=True)
class Cosines:
    """The cosine of each memory with a query by one model, NaN without a vector of it.

    Mean and deviation are those of all the user's memories, also where only some of them are looked at; `threshold` is
    the cosine from which meaning alone counts as a match.
    """

    values: Floats
    mean: float
    deviation: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Signals:
    """Arrays of one length, in the order of conversations and, inside one, of time.

    `episodes` says which stretch of which conversation a memory belongs to, NO_CONVERSATION for none. Models come in
    the order of preference. The importance is the stated one, without what accesses added: else what is found would be
    found for having been found.
    """

    numbers: Numbers
    models: Sequence[Cosines]
    bm25: Floats
    importances: Floats
    ages_days: Floats
    episodes: Numbers


def episodes(conversations: npt.NDArray[np.bytes_], seconds: Floats) -> Numbers:
    """The episode of each memory, given the conversation (empty for none) and the time of each, in that order.

    An episode is a stretch of one conversation without a pause of more than an hour: a session, of a conversation that
    goes on for months.
    """
    if not len(conversations):
        return np.empty(0, dtype=np.int64)
    begins = np.ones(len(conversations), dtype=np.bool_)
    begins[1:] = (conversations[1:] != conversations[:-1]) | (np.abs(np.diff(seconds)) > _PAUSE_SECONDS)
    found: Numbers = np.cumsum(begins, dtype=np.int64)
    found[conversations == b""] = NO_CONVERSATION
    return found
