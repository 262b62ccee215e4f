"""The next release, as far as its tables go: this one's, and one step more.

``python -m tests.faults.upgrade URL`` begins to migrate to it, says when the step is half done, and
waits there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from consent import database
from consent.database import migrations

HALF = b"half done\n"
NEXT = f"{int(migrations.newest()) + 1:04}"
ADDED = "ADD COLUMN later"
STEP = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "{NEXT}", "{migrations.newest()}", None, None
def upgrade():
    op.execute("ALTER TABLE decisions {ADDED} INTEGER")
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
"""
UNDO = (
    "DROP TABLE later",
    "ALTER TABLE decisions DROP COLUMN later",
    f"UPDATE alembic_version SET version_num = '{migrations.newest()}'",
)
COMMAND = [sys.executable, "-m", __name__]
ROOT = Path(__file__).resolve().parents[2]


def upgrade(url: str) -> None:
    kept = migrations._HERE
    with tempfile.TemporaryDirectory() as made:
        steps = Path(made) / "database"
        shutil.copytree(kept, steps)
        (steps / "versions" / f"v{NEXT}_later.py").write_text(STEP)
        migrations._HERE = steps
        try:
            assert database.migrate(url) == [NEXT]
        finally:
            migrations._HERE = kept


@contextlib.contextmanager
def half_upgraded(url: str) -> Iterator[None]:
    """A step is half done while the block runs, and is killed there."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, url], cwd=ROOT, stdin=pipe, stdout=pipe) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline() == HALF
            yield
        finally:
            running.kill()
    assert running.returncode == -signal.SIGKILL


def downgrade(url: str) -> None:
    """For the tests that come after."""

    async def run() -> None:
        opened = database.connect(url)
        async with opened.write() as c:
            for statement in UNDO:
                await c.execute(sa.text(statement))
        await opened.close()

    asyncio.run(run())


def _wait(_c: object, _cursor: object, statement: str, *_: Any) -> None:
    if ADDED in statement:
        os.write(sys.stdout.fileno(), HALF)
        sys.stdin.read()


if __name__ == "__main__":
    sa.event.listen(Engine, "after_cursor_execute", _wait)
    upgrade(sys.argv[1])
