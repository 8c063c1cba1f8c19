"""What every DuckDB connection here is denied, whatever else it may do. Standard library only, as its package says."""

from typing import Final, TypeAlias

Config: TypeAlias = dict[str, str | bool | int | float | list[str]]

# https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
HARDENED: Final[Config] = {
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "threads": "1",
}
