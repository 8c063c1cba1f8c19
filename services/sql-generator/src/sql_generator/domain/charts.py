"""The chart that a result asks for by itself, if there is one."""

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import JsonValue

from contracts.sql_generator import QueryResult

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
MAX_BARS: Final = 50
MAX_SERIES: Final = 10
_WIDE_BARS: Final = 8
_LONG_LABEL: Final = 12

_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?")
_PERIOD: Final = re.compile(r"\d{4}(?:-(?:\d{2}|[QW]\d{1,2}))?")
_IDENTIFIES: Final = re.compile(r"(?:^|_)(?:id|key|code|number|no|zip)$", re.IGNORECASE)
_YEAR: Final = re.compile(r"(?:^|_)year$", re.IGNORECASE)

Kind = Literal["measure", "moment", "period", "category"]


def chart_for(result: QueryResult) -> dict[str, JsonValue] | None:
    """A Vega-Lite specification for rows given to it as objects under the name `result`; None without a natural chart.

    Measures over time are lines, measures of categories bars, two measures points. A result that was cut short has
    none: its chart would look whole.
    """
    names = [column.name for column in result.columns]
    if result.truncated or len(result.rows) < 2 or len(set(names)) < len(names):
        return None
    values = {name: [row[position] for row in result.rows] for position, name in enumerate(names)}
    kinds = {name: _kind(name, of) for name, of in values.items()}
    measures = [name for name in names if kinds[name] == "measure"]
    times = [name for name in names if kinds[name] in {"moment", "period"}]
    categories = [name for name in names if kinds[name] == "category"]
    match len(measures), len(times), len(categories):
        case 1, 1, 0:
            return _line(times[0], kinds[times[0]], measures[0]) if _is_key(values[times[0]]) else None
        case 1, 1, 1 if len(set(map(str, values[categories[0]]))) <= MAX_SERIES:
            return _line(times[0], kinds[times[0]], measures[0], categories[0])
        case 1, 0, 1 if len(result.rows) <= MAX_BARS and _is_key(values[categories[0]]):
            return _bars(categories[0], values[categories[0]], measures[0])
        case 2, 0, (0 | 1):
            return _points(measures, categories)
        case _:
            return None


def _kind(name: str, values: Sequence[JsonValue]) -> Kind:
    """What a column says, by its name and by all of its values."""
    given = [value for value in values if value is not None]
    if not given:
        return "category"
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        if _YEAR.search(name):
            return "period"
        return "category" if _IDENTIFIES.search(name) else "measure"
    texts = [value for value in given if isinstance(value, str)]
    if len(texts) == len(given):
        if all(map(_MOMENT.fullmatch, texts)):
            return "moment"
        if all(map(_PERIOD.fullmatch, texts)):
            return "period"
    return "category"


def _is_key(values: Sequence[JsonValue]) -> bool:
    """Whether no value occurs twice."""
    return len(set(map(str, values))) == len(values)


def _line(time: str, kind: Kind, measure: str, category: str | None = None) -> dict[str, JsonValue]:
    # In UTC, because a browser would move a date without a zone to the evening before.
    axis = _axis(time, "temporal") | {"scale": {"type": "utc"}} if kind == "moment" else _axis(time, "ordinal")
    encoding = {"x": axis, "y": _axis(measure, "quantitative")}
    if category is not None:
        encoding["color"] = _axis(category, "nominal")
    return _specification({"type": "line", "point": True}, encoding)


def _bars(category: str, labels: Sequence[JsonValue], measure: str) -> dict[str, JsonValue]:
    # In the order of the rows, which the question may have asked for.
    across = _axis(category, "nominal") | {"sort": None}
    lying = len(labels) > _WIDE_BARS or max(len(str(label)) for label in labels) > _LONG_LABEL
    x, y = ("y", "x") if lying else ("x", "y")
    return _specification({"type": "bar"}, {x: across, y: _axis(measure, "quantitative")})


def _points(measures: Sequence[str], categories: Sequence[str]) -> dict[str, JsonValue]:
    x, y = (_axis(measure, "quantitative") | {"scale": {"zero": False}} for measure in measures)
    named: dict[str, Any] = {"tooltip": _axis(categories[0], "nominal")} if categories else {}
    return _specification({"type": "point"}, {"x": x, "y": y, **named})


def _axis(name: str, kind: str) -> dict[str, Any]:
    # In the name of a field these characters mean a path (https://vega.github.io/vega-lite/docs/field.html).
    return {"field": re.sub(r"([\\.\[\]'\"])", r"\\\1", name), "type": kind, "title": name}


def _specification(mark: dict[str, JsonValue], encoding: dict[str, Any]) -> dict[str, JsonValue]:
    return {"$schema": SCHEMA, "data": {"name": "result"}, "mark": mark, "encoding": encoding}
