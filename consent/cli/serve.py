"""``consent serve``, ``demo`` and ``migrate``."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import shutil
from functools import partial

import click
import structlog
from granian.constants import Interfaces
from granian.log import LogLevels

from consent import database, settings
from consent.bulk import Files
from consent.cli import parts
from consent.database import Database
from consent.errors import ConsentError
from consent.web.app import App, create_app, factory
from consent.web.logs import STANDARD, told
from consent.web.ports import check_free
from consent.web.server import Server, begin_as_worker
from consent.web.tally import has_begun, shared_folder

CONNECTIONS = 65_536
"""That a worker may hold at once, idle ones too; the server's own default is about a thousand."""
_log = structlog.get_logger("server")
_files: Files | None = None
"""As ``serve`` has read them, in the workers that are forks of it."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256))
def serve(host: str, port: int, workers: int) -> None:
    """Serve the scripts, the decisions and the admin pages until stopped."""
    parts.check_address("--host", host)
    chosen = settings.load()
    global _files
    _files = Files(*parts.files())
    parts.geo(chosen).close()
    parts.with_database(_nothing)
    check_free([host], port, name="--port", way_out=f"--port {port + 100}")
    _allow_connections()
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"consent: serving on http://{shown}:{port}", err=True)
    figures = shared_folder(os.getpid())
    shutil.rmtree(figures, ignore_errors=True)  # of a process that had this number before
    server = Server(
        f"{__name__}:worker",
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers=workers,
        websockets=False,
        log_access=False,
        log_level=LogLevels.warning,
        log_dictconfig=STANDARD,
        respawn_failed_workers=True,
        workers_kill_timeout=30,
        backlog=4096,
        backpressure=CONNECTIONS,
        has_begun=partial(has_begun, figures),
    )
    server.on_reload(_begin_anew)
    server.serve()
    shutil.rmtree(figures, ignore_errors=True)


def _begin_anew() -> None:
    """Workers are new interpreters from now on, of the release that is installed by then."""
    multiprocessing.set_start_method("spawn", force=True)


def _allow_connections() -> None:
    """Lets each worker hold as many connections as the machine allows, not what shells begin with.

    Clients that hold theirs and say nothing keep others out only beyond that.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS allows fewer than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def worker() -> App:
    """What each process that answers runs.

    One that cannot begin, as after a reload with settings that are wrong, says why and ends.
    """
    begin_as_worker()
    try:
        return factory(_files)
    except Exception as error:
        _log.error("worker not started", **told(error))
        raise SystemExit(1) from error


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--shop-port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(0, 400),
    help="How many days a new demo has behind it.",
)
@click.option(
    "--stores",
    "number",
    default=1,
    show_default=True,
    type=click.IntRange(1, 40),
    help="How many stores it has.",
)
def demo(port: int, shop_port: int, days: int, number: int) -> None:
    """Serve a demo shop and this service until Ctrl-C."""
    from consent import demo as demo_shop

    demo_shop.run(port, shop_port, days=days, neighbours=number - 1)


@click.command()
def migrate() -> None:
    """Bring the database's tables to this release. Safe to run again."""
    applied = database.migrate(settings.load().database_url)
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("nothing to do: the tables are those of this release")


def look() -> None:
    """Ends with what keeps a new worker from beginning, if anything does."""
    try:
        parts.with_database(_nothing)
        create_app(settings.load(), files=Files(*parts.files()))
    except ConsentError as error:
        raise SystemExit(str(error)) from error


async def _nothing(db: Database) -> None:
    """``with_database`` has checked the tables before it calls this."""
