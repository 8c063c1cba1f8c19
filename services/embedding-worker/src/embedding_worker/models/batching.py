"""How a list of texts is cut into the pieces that a model computes or a provider accepts at once."""

from collections.abc import Iterator, Sequence
from itertools import islice


def by_length(lengths: Sequence[int], *, max_texts: int, max_padded_tokens: int) -> Iterator[list[int]]:
    """Indices into `lengths`, longest text first, in groups of about the same length.

    A group has at most `max_texts` members and, padded to its longest, at most `max_padded_tokens` tokens (a single
    text may exceed them). The longest go first so that parallel workers finish together.
    """
    order = iter(sorted(range(len(lengths)), key=lambda index: lengths[index], reverse=True))
    while (longest := next(order, None)) is not None:
        size = max(1, min(max_texts, max_padded_tokens // max(1, lengths[longest])))
        yield [longest, *islice(order, size - 1)]


def by_size(sizes: Sequence[int], *, max_texts: int, max_size: int) -> Iterator[range]:
    """Consecutive runs of `sizes`: at most `max_texts` long and `max_size` in sum (a single text may exceed it)."""
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if index > start and (index - start == max_texts or total + size > max_size):
            yield range(start, index)
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))
