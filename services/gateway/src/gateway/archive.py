"""The archive of an export: a ZIP of JSON Lines, a file for each kind of thing, with what is in it and what is not."""

import json
import zipfile
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO

from contracts.identity import Identity
from contracts.personal_data import ExportedRows

FORMAT = "memori-export/1"

LEFT_OUT = (
    "Connections of data sources, which hold passwords and are kept encrypted.",
    "The contents of uploaded files: you have them; their names, sizes and checksums are here.",
    "Vectors, search terms and hashes: they are computed from what is here.",
    "Rows that queries returned: they belong to the data source and are not kept.",
    "What was on its way from one service to another at that moment.",
    "What other members of the tenant share: it is theirs.",
)

_IN_MEMORY_BYTES = 8 * 1024 * 1024
_README = """\
Everything Memori for Text2SQL keeps of a user.

Made:     {made_at}
User:     {user_id}
Tenant:   {tenant_id}
Version:  {version}

A folder for each service, in it a file for each kind of thing: JSON Lines, in UTF-8, a JSON object a line. Times are
UTC in ISO 8601, bytes are URL-safe base64. Rows that changed while the archive was made are in it as they were or as
they are. manifest.json says the same for programs.

{files}

Left out:

{left_out}
"""


class Archive:
    """Takes pages as they come; small in memory, from some megabytes on in a temporary file. It blocks: use a thread.

    Close it when it has been read.
    """

    def __init__(self) -> None:
        self.file: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  # closed by `close`
        self._zip = zipfile.ZipFile(self.file, "w", zipfile.ZIP_DEFLATED)
        self._rows: dict[tuple[str, str], int] = {}
        self._open: IO[bytes] | None = None

    def add(self, service: str, page: ExportedRows) -> None:
        """Add a page; those of one kind follow one another."""
        kind = (service, page.kind)
        if kind not in self._rows:
            self._begin(kind)
        assert self._open is not None  # noqa: S101  # a file begins with its first page
        for row in page.rows:
            self._open.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        if page.piece is not None:
            self._open.write(page.piece.encode() + b"\n" * page.ends_row)
        self._rows[kind] += len(page.rows) + (page.piece is not None and page.ends_row)

    def finish(self, owner: Identity, *, made_at: datetime, version: str) -> int:
        """Add what the archive says of itself; its size in bytes. `file` can be read from its beginning then."""
        self._end()
        files = [
            {"name": _name(service, kind), "service": service, "kind": kind, "rows": rows}
            for (service, kind), rows in self._rows.items()
        ]
        manifest = {
            "format": FORMAT,
            "version": version,
            "made_at": made_at.isoformat(),
            "tenant_id": owner.tenant_id,
            "user_id": owner.user_id,
            "files": files,
            "left_out": LEFT_OUT,
        }
        self._zip.writestr("manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        readme = _README.format(
            made_at=made_at.isoformat(timespec="seconds"),
            user_id=owner.user_id,
            tenant_id=owner.tenant_id,
            version=version,
            files="\n".join(f"{file['rows']:>9} in {file['name']}" for file in files),
            left_out="\n".join(f"- {what}" for what in LEFT_OUT),
        )
        self._zip.writestr("README.txt", readme)
        self._zip.close()
        size = self.file.tell()
        self.file.seek(0)
        return size

    def close(self) -> None:
        """Drop the archive, finished or not."""
        self._end()
        self._zip.close()
        self.file.close()

    def _begin(self, kind: tuple[str, str]) -> None:
        self._end()
        self._rows[kind] = 0
        # How large it becomes is not known yet, and it may be more than 4 GiB.
        self._open = self._zip.open(_name(*kind), "w", force_zip64=True)

    def _end(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def _name(service: str, kind: str) -> str:
    return f"{service}/{kind}.jsonl"
