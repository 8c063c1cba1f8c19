"""The database that a file becomes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import _duckdb as duckdb

from sql_generator.sources.duckdb_config import HARDENED, Config
from sql_generator.sources.identifiers import quoted
from sql_generator.uploads.converter import DATABASE, ConversionLimits, Refused
from sql_generator.uploads.converter.inference import expressions
from sql_generator.uploads.converter.names import clean_names, comment_of
from sql_generator.uploads.converter.staging import Staged

MEMORY: Final = "512MB"
MAX_LINE_BYTES: Final = 8 * 1024 * 1024
_CONFIG: Final[Config] = {**HARDENED, "memory_limit": MEMORY}


class Database(AbstractContextManager["Database"]):
    """A new DuckDB database in a folder, whose connection reaches the files of that folder and nothing else."""

    def __init__(self, folder: Path, limits: ConversionLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._connection = duckdb.connect(str(folder / DATABASE), config=_CONFIG)
        self._run(f"SET temp_directory = {_literal(str(folder / 'temporary'))}")
        self._run(f"SET max_temp_directory_size = '{limits.expanded_bytes}B'")
        self._run(f"SET allowed_directories = [{_literal(str(folder))}]")
        self._run("SET TimeZone = 'UTC'")
        self._run("SET enable_external_access = false")
        self._run("SET lock_configuration = true")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add_rows(self, table: str, original: str, staged: Staged) -> None:
        """A table of rows that came as text."""
        columns = [f"c{place}" for place in range(len(staged.header))]
        declared = ", ".join(f"'{column}': 'VARCHAR'" for column in columns)
        source = (
            f"read_csv({_literal(str(staged.path))}, auto_detect = false, header = false, columns = {{{declared}}},"
            f" delim = ',', quote = '\"', escape = '\"', nullstr = '', max_line_size = {MAX_LINE_BYTES})"
        )
        values = expressions(self._run, columns, source)
        # A column with neither a header nor values is what a trailing delimiter leaves.
        kept = [
            (header, value or column)
            for header, value, column in zip(staged.header, values, columns, strict=True)
            if value is not None or header.strip()
        ]
        self._create(table, original, kept, source)

    def add_parquet(self, table: str, original: str, path: Path) -> None:
        """A table of a Parquet file; Refused when it says itself that it expands too far."""
        ((size,),) = self._run(f"SELECT sum(total_uncompressed_size) FROM parquet_metadata({_literal(str(path))})")  # noqa: S608
        if (size or 0) > self._limits.expanded_bytes:
            raise Refused(f"unpacked it has more than {self._limits.expanded_bytes // 2**20} MiB")
        self._add_typed(table, original, f"read_parquet({_literal(str(path))})")

    def add_json(self, table: str, original: str, path: Path) -> None:
        """A table of an array of objects, or of an object a line."""
        options = f"records = true, sample_size = -1, maximum_object_size = {MAX_LINE_BYTES}"
        self._add_typed(table, original, f"read_json({_literal(str(path))}, {options})")

    def _add_typed(self, table: str, original: str, source: str) -> None:
        described = self._run(f"DESCRIBE SELECT * FROM {source}")  # noqa: S608  # a file of our own folder
        self._create(table, original, [(str(name), quoted(str(name))) for name, *_ in described], source)

    def _create(self, table: str, original: str, columns: Sequence[tuple[str, str]], source: str) -> None:
        """A table of `(header, expression)` over a source; the headers stay as comments where they say more."""
        if len(columns) > self._limits.columns:
            raise Refused(f"it has more than {self._limits.columns} columns")
        names = clean_names([header for header, _ in columns], otherwise="column")
        shown = ", ".join(f"{value} AS {quoted(name)}" for name, (_, value) in zip(names, columns, strict=True))
        self._run(f"CREATE TABLE {quoted(table)} AS SELECT {shown} FROM {source} LIMIT {self._limits.rows + 1}")  # noqa: S608
        ((rows,),) = self._run(f"SELECT count(*) FROM {quoted(table)}")  # noqa: S608  # quoted
        if rows > self._limits.rows:
            raise Refused(f"it has more than {self._limits.rows} rows")
        self._check_cells(table)
        self._comment(f"TABLE {quoted(table)}", comment_of(original, table))
        for name, (header, _) in zip(names, columns, strict=True):
            self._comment(f"COLUMN {quoted(table)}.{quoted(name)}", comment_of(header, name))

    def _check_cells(self, table: str) -> None:
        described = self._run(f"DESCRIBE {quoted(table)}")
        texts = [quoted(str(name)) for name, kind, *_ in described if kind == "VARCHAR"]
        if texts:
            longest = ", ".join(f"coalesce(max(length({name})), 0)" for name in texts)
            ((*lengths,),) = self._run(f"SELECT {longest} FROM {quoted(table)}")  # noqa: S608  # quoted
            if max(lengths) > self._limits.cell_chars:
                raise Refused(f"a value has more than {self._limits.cell_chars} characters")

    def _comment(self, subject: str, text: str) -> None:
        if text:
            self._run(f"COMMENT ON {subject} IS {_literal(text)}")

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.Error as error:
            # Its first line says what is wrong, the others how to write the statement.
            reason = str(error).split("\n", 1)[0].replace(str(self._folder), "…")
            raise Refused(f"it cannot be read: {reason}") from None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
