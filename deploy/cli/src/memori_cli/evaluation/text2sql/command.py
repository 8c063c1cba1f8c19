"""`memori eval sql`: asks questions about databases and measures the answers.

Everything goes through the public HTTP API, but for the gold SQL: that is run here, and shown to the guard.
"""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from memori_cli.evaluation import charts
from memori_cli.evaluation.clients import Clients
from memori_cli.evaluation.dataset import DatasetError
from memori_cli.evaluation.gateway import gateway
from memori_cli.evaluation.options import EvaluationError
from memori_cli.evaluation.report import progress
from memori_cli.evaluation.text2sql import plot, report
from memori_cli.evaluation.text2sql.dataset import read
from memori_cli.evaluation.text2sql.evaluate import evaluate
from memori_cli.local.server import LocalServerError
from memori_client import Memori, MemoriError


@dataclass(frozen=True, slots=True)
class SqlOptions:
    """What to do: `limit` questions of each database at most, `learn` pairs of each to teach, `clients` requests under
    way at once; `plots` and `json` say where charts and figures are written, if anywhere.
    """

    limit: int | None = None
    learn: int = 0
    clients: int = 4
    plots: Path | None = None
    json: Path | None = None


def run(folder: Path, *, home: Path, url: str | None, options: SqlOptions) -> int:
    """Evaluate and print; returns 0 when it could be done. Without `url` the embedded system runs meanwhile."""
    errors = Console(stderr=True, highlight=False)
    try:
        if options.plots:
            charts.prepare(options.plots)
        suite = read(folder, limit=options.limit)
        with (
            gateway(url, home, errors) as base_url,
            Memori(base_url) as memori,
            progress() as bars,
            Clients(options.clients) as clients,
        ):
            findings = evaluate(memori, suite, learn=options.learn, clients=clients, progress=bars)
        report.print_tables(findings)
        if options.json:
            report.write_json(findings, options.json)
        if options.plots and findings.learning:
            for path in plot.write(findings.learning, options.plots, name=suite.name):
                errors.print(f"wrote {path}", style="dim", markup=False, soft_wrap=True)
    except (DatasetError, EvaluationError, MemoriError, LocalServerError) as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    return 0
