"""What a question leaves out because it is said a moment later: "first and last name", "full names"."""

from collections.abc import Sequence
from itertools import zip_longest

from sql_generator.generation.offline.catalogue import Catalogue
from sql_generator.generation.offline.lexicon import LIGHT_WORDS
from sql_generator.generation.offline.tokens import Token

_JOINERS = frozenset({"and", ",", "or"})
_KINDS = frozenset({"type", "kind", "sort"})
_SURE = 0.85


def spelled_out(tokens: Sequence[Token], catalogue: Catalogue) -> list[Token]:
    """The tokens with the noun repeated where two columns share it, and "full name" as first and last name."""
    return _shared_nouns(_full_names(_kinds(list(tokens), catalogue), catalogue), catalogue)


def _kinds(tokens: list[Token], catalogue: Catalogue) -> list[Token]:
    """As in "types of beds" is the column `bed_type` where there is one, else just "beds"."""
    spelled: list[Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        noun = tokens[position + 2] if position + 2 < len(tokens) and tokens[position + 1].lower == "of" else None
        if token.lemma in _KINDS and noun is not None and noun.kind == "word" and catalogue.names((noun.lemma,)):
            position += 2
            if any(_is_column((noun.lemma, kind), catalogue) for kind in ("type", token.lemma)):
                spelled += [_word(noun.lemma), token]
                position += 1
            continue
        spelled.append(token)
        position += 1
    return spelled


def _full_names(tokens: list[Token], catalogue: Catalogue) -> list[Token]:
    if _is_column(("full", "name"), catalogue):
        return tokens
    in_two = _is_column(("first", "name"), catalogue) and _is_column(("last", "name"), catalogue)
    both = [_word("first"), _word("name"), _word("and"), _word("last")] if in_two else []
    spelled: list[Token] = []
    for token, following in zip_longest(tokens, tokens[1:]):
        whole = token.lower == "full" and following is not None and following.lemma == "name"
        spelled += both if whole else [token]
    return spelled


def _shared_nouns(tokens: list[Token], catalogue: Catalogue) -> list[Token]:
    spelled: list[Token] = []
    for position, token in enumerate(tokens):
        spelled.append(token)
        noun = _noun_after(tokens, position)
        if token.kind != "word" or noun is None:
            continue
        if _is_column((token.lemma, noun.lemma), catalogue) and not _is_column((token.lemma,), catalogue, 0.95):
            spelled.append(noun)
    return spelled


def _noun_after(tokens: list[Token], position: int) -> Token | None:
    """The noun that ends an enumeration of attributes starting here: `X, Y and Z noun`."""
    end = position + 1
    if end >= len(tokens) or tokens[end].lower not in _JOINERS:
        return None
    while end < len(tokens) and tokens[end].lower in _JOINERS:
        end += 1
        if end < len(tokens) and tokens[end].lower in _JOINERS:
            end += 1
        if end < len(tokens) and tokens[end].lower in LIGHT_WORDS:
            return None
        end += 1
    return tokens[end] if end < len(tokens) and tokens[end].kind == "word" else None


def _is_column(words: tuple[str, ...], catalogue: Catalogue, score: float = _SURE) -> bool:
    return any(name.column is not None and name.score >= score for name in catalogue.names(words))


def _word(text: str) -> Token:
    return Token("word", text, text, text)
