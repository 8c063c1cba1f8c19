"""The `memori` command."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Memori for Text2SQL.", pretty_exceptions_enable=False
)
dlq = typer.Typer(no_args_is_help=True, help="Dead letters: messages that could not be handled.")
app.add_typer(dlq, name="dlq")
embeddings = typer.Typer(no_args_is_help=True, help="Embeddings: which models the memories have vectors of.")
app.add_typer(embeddings, name="embeddings")
knowledge = typer.Typer(no_args_is_help=True, help="Knowledge: what was learned of schemas, queries and turns.")
app.add_typer(knowledge, name="knowledge")
evaluation = typer.Typer(no_args_is_help=True, help="Evaluations: how well the system does, on your data.")
app.add_typer(evaluation, name="eval")
guard = typer.Typer(help="The guard: which SQL statements only read.")
app.add_typer(guard, name="guard")

Home = Annotated[Path, typer.Option(envvar="MEMORI_HOME", help="Where the embedded installation keeps its data.")]
NatsUrl = Annotated[str, typer.Option(envvar="NATS_URL")]
NatsPassword = Annotated[str | None, typer.Option(envvar="NATS_MIGRATOR_PASSWORD", help="Of the user `migrator`.")]

# The names of `sql_guard.Dialect`, which is not imported for `--help`.
Dialect = Literal["postgres", "mysql", "sqlite", "duckdb"]

_SECRETS = ("DATABASE_ADMIN_URL", "DATABASE_PASSWORDS", "NATS_MIGRATOR_PASSWORD", "SECRET_KEY", "MEMORI_TOKEN")

# Each command imports what it needs: `memori --help` must not wait for database drivers.


@app.callback()
def memori() -> None:
    """Memori for Text2SQL. Secrets come from the environment, or from the files that `<NAME>_FILE` name."""
    for name in _SECRETS:
        if (file := os.environ.get(f"{name}_FILE")) is not None:
            os.environ[name] = Path(file).read_text(encoding="utf-8").rstrip("\r\n")


@app.command()
def up(
    home: Home = Path(".memori"),
    port: Annotated[int, typer.Option(help="Where the HTTP API listens.")] = 8000,
) -> None:
    """Run the whole system here, without containers, until Ctrl-C."""
    from memori_cli.up import run  # noqa: PLC0415

    raise typer.Exit(run(home, port))


@app.command()
def demo(
    home: Home = Path(".memori/demo"),
    keep: Annotated[bool, typer.Option("--keep", help="Keep the system running afterwards.")] = False,
) -> None:
    """Watch the main job: remember, recall, ask, learn."""
    from memori_cli.demo.story import run  # noqa: PLC0415

    raise typer.Exit(run(home, keep=keep))


@app.command()
def migrate(
    admin_url: Annotated[str, typer.Option(envvar="DATABASE_ADMIN_URL", help="A role that may create roles.")],
    nats_url: NatsUrl = "nats://127.0.0.1:4222",
    nats_password: NatsPassword = None,
    replicas: Annotated[int, typer.Option(envvar="NATS_REPLICAS")] = 1,
    passwords: Annotated[
        str | None,
        typer.Option(envvar="DATABASE_PASSWORDS", help='JSON: {"memory_store_app": "…", …}.'),
    ] = None,
) -> None:
    """Bring Postgres and NATS to what this version needs; safe to run twice and at once."""
    import json  # noqa: PLC0415

    from contracts.topology import MIGRATOR  # noqa: PLC0415
    from memori_cli.migrate import migrate_database, migrate_streams  # noqa: PLC0415

    known = json.loads(passwords or "{}")
    asyncio.run(migrate_database(admin_url, known, say=typer.echo))
    user = MIGRATOR if nats_password else None
    for line in asyncio.run(migrate_streams(nats_url, user=user, password=nats_password, replicas=replicas)):
        typer.echo(line)


@app.command()
def secrets(
    folder: Annotated[Path, typer.Argument(help="Where they are kept, a file for each.")],
    postgres: Annotated[str, typer.Option(help="Where the services find PostgreSQL: host or host:port.")] = "postgres",
    database: Annotated[str, typer.Option(help="The name of the database.")] = "memori",
) -> None:
    """Make the secrets of an installation in containers, unless they are there: none is ever changed."""
    from memori_cli.secrets_folder import write_secrets  # noqa: PLC0415

    try:
        made = write_secrets(folder, postgres=postgres, database=database)
    except FileExistsError as error:
        raise typer.BadParameter(str(error), param_hint="FOLDER") from None
    typer.echo(f"{folder}: {len(made)} secrets made" if made else f"{folder}: the secrets are there")


@app.command()
def token(
    user: Annotated[str, typer.Argument(help="Whose token it is.")],
    secret_key: Annotated[str, typer.Option(envvar="SECRET_KEY", help="As the gateway has it.")],
    tenant: Annotated[str | None, typer.Option()] = None,
    role: Annotated[list[str] | None, typer.Option(help="user or admin; may be said twice.")] = None,
    minutes: Annotated[int, typer.Option(envvar="ACCESS_TOKEN_EXPIRE_MINUTES", min=1)] = 30,
) -> None:
    """Print a token for a user (HS256), for trying things out."""
    import time  # noqa: PLC0415

    import jwt  # noqa: PLC0415

    claims = {"sub": user, "exp": int(time.time()) + 60 * minutes, "tenant": tenant, "roles": role}
    typer.echo(jwt.encode({name: value for name, value in claims.items() if value}, secret_key, "HS256"))


@app.command()
def doctor(
    home: Home = Path(".memori"),
    port: Annotated[int, typer.Option(help="Where the HTTP API should listen.")] = 8000,
) -> None:
    """Say what is wrong here, and how to mend it."""
    from memori_cli.doctor import run  # noqa: PLC0415

    raise typer.Exit(run(home, port))


Sequence = Annotated[int, typer.Argument(help="As `memori dlq list` shows it.")]
OptionalNatsUrl = Annotated[str | None, typer.Option(envvar="NATS_URL", help="Default: the embedded server of --home.")]


@dlq.command("list")
def dlq_list(
    home: Home = Path(".memori"), nats_url: OptionalNatsUrl = None, nats_password: NatsPassword = None
) -> None:
    """Show the dead letters: sequence, consumer, subject, reason."""
    from memori_cli import dead_letters, operator  # noqa: PLC0415

    asyncio.run(dead_letters.show(*operator.server(home, nats_url, nats_password)))


@dlq.command("replay")
def dlq_replay(
    sequence: Sequence,
    home: Home = Path(".memori"),
    nats_url: OptionalNatsUrl = None,
    nats_password: NatsPassword = None,
) -> None:
    """Have a dead letter handled again, where it came from, and remove it here."""
    from memori_cli import dead_letters, operator  # noqa: PLC0415

    asyncio.run(dead_letters.replay(*operator.server(home, nats_url, nats_password), sequence))


@dlq.command("drop")
def dlq_drop(
    sequence: Sequence,
    home: Home = Path(".memori"),
    nats_url: OptionalNatsUrl = None,
    nats_password: NatsPassword = None,
) -> None:
    """Remove a dead letter for good; a refused command leaves the outbox of its service, too."""
    from memori_cli import dead_letters, operator  # noqa: PLC0415

    asyncio.run(dead_letters.drop(*operator.server(home, nats_url, nats_password), sequence))


@knowledge.command("rebuild")
def knowledge_rebuild(
    user: Annotated[str, typer.Option(help="Whose knowledge.")],
    tenant: Annotated[str, typer.Option(help="The tenant they belong to.")] = "default",
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget first what was learned.")] = False,
    home: Home = Path(".memori"),
    nats_url: OptionalNatsUrl = None,
    nats_password: NatsPassword = None,
) -> None:
    """Learn a user's knowledge from all that the services have of them; what was learned already counts once."""
    from contracts.identity import Identity  # noqa: PLC0415
    from memori_cli import knowledge, operator  # noqa: PLC0415

    server = operator.server(home, nats_url, nats_password)
    asyncio.run(knowledge.rebuild(*server, Identity(tenant, user), fresh=fresh))


@embeddings.command("status")
def embeddings_status(
    home: Home = Path(".memori"), nats_url: OptionalNatsUrl = None, nats_password: NatsPassword = None
) -> None:
    """Show how many memories each model has embedded, and which models answer queries."""
    from memori_cli import embeddings, operator  # noqa: PLC0415

    asyncio.run(embeddings.show(*operator.server(home, nats_url, nats_password)))


@embeddings.command("reembed")
def embeddings_reembed(
    home: Home = Path(".memori"),
    nats_url: OptionalNatsUrl = None,
    nats_password: NatsPassword = None,
    stall_seconds: Annotated[float, typer.Option(min=1, help="Give up when nothing is embedded for so long.")] = 120,
) -> None:
    """Have the configured model embed every memory it has not, and wait until it has."""
    from memori_cli import embeddings, operator  # noqa: PLC0415

    server = operator.server(home, nats_url, nats_password)
    asyncio.run(embeddings.reembed(*server, stall_seconds=stall_seconds))


@embeddings.command("prune")
def embeddings_prune(
    home: Home = Path(".memori"),
    nats_url: OptionalNatsUrl = None,
    nats_password: NatsPassword = None,
    force: Annotated[bool, typer.Option("--force", help="Even if the configured model does not cover all.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete the vectors of every model but the configured one."""
    from memori_cli import embeddings, operator  # noqa: PLC0415

    server = operator.server(home, nats_url, nats_password)
    asyncio.run(embeddings.prune(*server, force=force, yes=yes))


@evaluation.command("recall")
def eval_recall(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="JSON Lines: a conversation a line, with turns and questions."),
    ],
    home: Home = Path(".memori/eval"),
    url: Annotated[str | None, typer.Option(help="A running gateway; else the embedded system is started.")] = None,
    token: Annotated[str | None, typer.Option(envvar="MEMORI_TOKEN", help="With --url: load all for its user.")] = None,
    user_prefix: Annotated[str, typer.Option(help="In development: how the users that are made up begin.")] = "eval",
    together: Annotated[bool, typer.Option("--together", help="One user holds all conversations.")] = False,
    model_threshold: Annotated[
        bool, typer.Option("--model-threshold", help="Hide what the model's own similarity threshold hides.")
    ] = False,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Ask again with each term left out of the score, and with one alone.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Draw recall by term there, as SVG and PNG; implies --ablate.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What the data are called in charts; else what the files' names begin with.")
    ] = None,
    clients: Annotated[int, typer.Option(min=1, max=64, help="Requests under way at once.")] = 4,
    stall_seconds: Annotated[float, typer.Option(min=1, help="Give up when nothing is embedded for so long.")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure recall@5/10/20 and MRR of the search over conversations with known evidence."""
    from memori_cli.evaluation.options import Options  # noqa: PLC0415
    from memori_cli.evaluation.recall import Output, run  # noqa: PLC0415

    if token is not None and url is None:
        raise typer.BadParameter("needs --url: the embedded system has users by name", param_hint="--token")
    options = Options(
        token=token,
        user_prefix=user_prefix,
        together=together,
        min_similarity=None if model_threshold else -1.0,
        ablate=ablate or plot is not None,
        clients=clients,
        stall_seconds=stall_seconds,
    )
    output = Output(as_json=as_json, plots=plot, name=name)
    raise typer.Exit(run(files, home=home, url=url, options=options, output=output))


@guard.callback(no_args_is_help=True)
def guard_group() -> None:
    # With a callback the only command keeps its name.
    pass


@guard.command("check")
def guard_check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.json",
            help='A JSON list of statements, each a string or an object with "sql" and perhaps "dialect"; - reads '
            "standard input.",
        ),
    ],
    dialect: Annotated[
        Dialect | None,
        typer.Option(
            help="Judge the statements of this dialect, and those that state none as of it; those that state another "
            "are left out. Without it each is judged as what it states."
        ),
    ] = None,
) -> None:
    """Judge SQL statements without running them: prints a line of JSON for each, {sql, allowed, reason}, in order.

    A summary goes to standard error.
    Exit status 0: all were judged, whatever the verdicts.
    Exit status 2: the file is not as it should be, and nothing was judged.
    """
    from memori_cli.guard import StatementsError, run  # noqa: PLC0415

    try:
        run(file, dialect)
    except StatementsError as error:
        typer.echo(f"memori guard check: {error}", err=True)
        raise typer.Exit(2) from None


@evaluation.command("sql")
def eval_sql(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Holds questions.json and databases/*.sqlite."),
    ],
    home: Home = Path(".memori/eval"),
    url: Annotated[
        str | None, typer.Option(help="A running gateway in development; else the embedded system is started.")
    ] = None,
    learn: Annotated[
        int,
        typer.Option(min=0, max=1_000, metavar="N", help="Teach N pairs of each database, and ask the others."),
    ] = 0,
    limit: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Only N questions of each database, drawn at random.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Draw the learning curve there, as SVG and PNG.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures there, too.")] = None,
    clients: Annotated[int, typer.Option(min=1, max=64, help="Requests under way at once.")] = 4,
) -> None:
    """Measure how many questions about databases are answered right, by difficulty and after learning."""
    from memori_cli.evaluation.text2sql.command import SqlOptions, run  # noqa: PLC0415

    if plot is not None and not learn:
        raise typer.BadParameter("needs --learn: what is drawn is the learning curve", param_hint="--plot")
    options = SqlOptions(limit=limit, learn=learn, clients=clients, plots=plot, json=json)
    raise typer.Exit(run(folder, home=home, url=url, options=options))
