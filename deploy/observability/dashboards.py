"""Three Grafana dashboards as code, written into the chart: `make golden` after a change."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "k8s" / "files" / "dashboards"
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3


@dataclass(frozen=True)
class Panel:
    """One chart: PromQL expressions by legend, in a unit of Grafana's."""

    title: str
    unit: str
    series: dict[str, str]


def _rate(metric: str, by: str, of: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{of}}}[$__rate_interval]))"


def _quantile(quantile: float, metric: str, by: str = "", of: str = "") -> str:
    labels = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({quantile}, sum by ({labels}) (rate({metric}_bucket{{{of}}}[$__rate_interval])))"


DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "operational": (
        "Memori: operational",
        (
            Panel("Requests", "reqps", {"{{route}}": _rate("memori_http_seconds_count", "route")}),
            Panel(
                "Errors",
                "reqps",
                {"{{route}} {{status}}": _rate("memori_http_seconds_count", "route, status", 'status=~"[45].."')},
            ),
            Panel("Latency, 95th percentile", "s", {"{{route}}": _quantile(0.95, "memori_http_seconds", "route")}),
            Panel("Consumers behind", "short", {"{{consumer}}": "max by (consumer) (memori_consumer_pending)"}),
            Panel(
                "Events consumed",
                "ops",
                {"{{consumer}} {{outcome}}": _rate("memori_events_consumed_total", "consumer, outcome")},
            ),
            Panel(
                "Outbox", "short", {"waiting": "sum(memori_outbox_pending)", "refused": "max(memori_outbox_refused)"}
            ),
            Panel(
                "Dead letters", "short", {"{{consumer}}": "sum by (consumer) (increase(memori_dead_letters_total[1h]))"}
            ),
            Panel("Embedding cache", "ops", {"{{outcome}}": _rate("memori_embedding_cache_total", "outcome")}),
            Panel(
                "Errors of models",
                "ops",
                {
                    "embedding {{kind}}": _rate("memori_embedding_errors_total", "kind"),
                    "language {{kind}}": _rate("memori_llm_errors_total", "kind"),
                },
            ),
        ),
    ),
    "business": (
        "Memori: business",
        (
            Panel("Memories stored", "ops", {"{{memory_type}}": _rate("memori_memories_stored_total", "memory_type")}),
            Panel(
                "Memories promoted and archived",
                "ops",
                {
                    "promoted": "sum(rate(memori_memories_promoted_total[$__rate_interval]))",
                    "{{reason}}": _rate("memori_memories_archived_total", "reason"),
                },
            ),
            Panel("Questions by what came of them", "ops", {"{{status}}": _rate("memori_queries_total", "status")}),
            Panel("Searches and recalls", "ops", {"{{kind}}": _rate("memori_searches_total", "kind")}),
            Panel(
                "Answers that were repaired",
                "ops",
                {"repairs": "sum(rate(memori_sql_repairs_total[$__rate_interval]))"},
            ),
            Panel("Tokens", "short", {"{{direction}}": _rate("memori_llm_tokens_total", "direction")}),
        ),
    ),
    "performance": (
        "Memori: performance",
        (
            Panel("Calls, 95th percentile", "s", {"{{method}}": _quantile(0.95, "memori_rpc_seconds", "method")}),
            Panel("Calls", "ops", {"{{method}} {{outcome}}": _rate("memori_rpc_seconds_count", "method, outcome")}),
            Panel(
                "Search",
                "s",
                {
                    f"p{share}": _quantile(share / 100, "memori_rpc_seconds", of='method=~".*(search|recall)"')
                    for share in (50, 95, 99)
                },
            ),
            Panel(
                "Language model", "s", {f"p{share}": _quantile(share / 100, "memori_llm_seconds") for share in (50, 95)}
            ),
            Panel("Texts embedded", "ops", {"texts": "sum(rate(memori_embedded_texts_total[$__rate_interval]))"}),
            Panel(
                "Parts of contexts that were missing",
                "ops",
                {"{{part}}": _rate("memori_context_missing_total", "part")},
            ),
        ),
    ),
}


def dashboard(uid: str) -> dict[str, Any]:
    """A dashboard in Grafana's JSON; its data source is chosen when it is looked at."""
    title, panels = DASHBOARDS[uid]
    return {
        "uid": f"memori-{uid}",
        "title": title,
        "tags": ["memori"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Data source"}]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": {"x": number % _COLUMNS * _WIDTH, "y": number // _COLUMNS * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": expression, "legendFormat": legend}
            for place, (legend, expression) in enumerate(panel.series.items())
        ],
    }


def files() -> dict[Path, str]:
    """What the files of the dashboards should hold."""
    return {FOLDER / f"{uid}.json": json.dumps(dashboard(uid), indent=1) + "\n" for uid in DASHBOARDS}
