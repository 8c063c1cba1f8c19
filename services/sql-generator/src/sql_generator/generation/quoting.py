"""Text written by others, put into a prompt so that it stays data.

Whatever a value holds, it becomes JSON on one line without `<` or `>`: it cannot end its section, open another, or
start a line of its own, and what a reader would not see (controls, bidirectional overrides, tag characters) is spelled
out. `json.loads` gives the value back unchanged.
"""

import json
import re
import unicodedata
from collections.abc import Iterable

from pydantic import JsonValue

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_SUSPECT = re.compile(r"[<>\x7f]|[^\x00-\x7f]")
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_LAST_OF_BASIC_PLANE = 0xFFFF


def quoted(value: JsonValue) -> str:
    """`value` as one line of JSON without a tag delimiter or an invisible character in it."""
    return _SUSPECT.sub(_neutral, _encode(value))


def section(tag: str, values: Iterable[JsonValue]) -> str:
    """`values`, each quoted on a line of its own, between `<tag>` and `</tag>`."""
    return "\n".join([f"<{tag}>", *map(quoted, values), f"</{tag}>"])


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, the last an ellipsis where some are missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _neutral(match: re.Match[str]) -> str:
    character = match[0]
    if not character.isascii() and unicodedata.category(character) not in _INVISIBLE:
        return character
    code = ord(character)
    if code <= _LAST_OF_BASIC_PLANE:
        return f"\\u{code:04x}"
    offset = code - 0x10000  # JSON spells what lies beyond as a UTF-16 surrogate pair (RFC 8259, section 7)
    return f"\\u{0xD800 + (offset >> 10):04x}\\u{0xDC00 + (offset & 0x3FF):04x}"
