"""What Airflow has written down, searched for what must not be in it."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing

from tests.real_airflow.release import TELLTALES
from tests.real_airflow.running import RunningAirflow


def stored(airflow: RunningAirflow) -> Iterator[tuple[str, str, bytes]]:
    """Everything in Airflow's database: table, column and value."""
    with closing(sqlite3.connect(f"file:{airflow.home.path}/airflow.db?mode=ro", uri=True)) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            rows = database.execute(f'select * from "{table}"')  # noqa: S608 - the names are the database's own
            columns = [column for column, *_ in rows.description]
            yield table, "", b""
            for row in rows:
                for column, value in zip(columns, row, strict=True):
                    yield table, column, value if isinstance(value, bytes) else str(value).encode()


def tells_a_signature(content: bytes) -> bool:
    """Whether a part of a package's signature is in there, in whatever encoding, compressed or not."""
    return any(part.encode() in unpacked for part in TELLTALES for unpacked in (content, *decompressed(content)))


def decompressed(content: bytes) -> list[bytes]:
    """What Airflow compressed, which it may do with a DAG."""
    try:
        return [zlib.decompress(content)]
    except zlib.error:
        return []
