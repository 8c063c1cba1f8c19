"""How an evaluation is run, and how it fails."""

from dataclasses import dataclass


class EvaluationError(Exception):
    """The evaluation cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to load and ask.

    Without `token` each conversation has a user of its own, named by `user_prefix`, or with `together` all have one.
    A token names one user. `min_similarity` None leaves the threshold to the model; -1 hides nothing, so that the
    ranking is measured, not the threshold. With `ablate` each question is also asked with terms of the score left
    out. `clients` is how many requests are under way at once, `stall_seconds` how long to wait for the next memory
    to be embedded.
    """

    token: str | None = None
    user_prefix: str = "eval"
    together: bool = False
    min_similarity: float | None = -1.0
    ablate: bool = False
    clients: int = 4
    stall_seconds: float = 120.0
