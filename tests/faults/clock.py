"""The service with a clock that is wrong by as many seconds as the file ``wrong-by`` says.

Run in the installation's folder like ``consent serve``: ``python -m tests.faults.clock --port N
--workers N``.
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from granian.constants import Interfaces
from granian.log import LogLevels

from consent import settings
from consent.web.app import App, create_app, utcnow
from consent.web.logs import STANDARD
from consent.web.server import Server, begin_as_worker

WRONG_BY = Path("wrong-by")


def factory() -> App:
    begin_as_worker()
    return create_app(settings.load(), now=_now)


def _now() -> dt.datetime:
    return utcnow() + dt.timedelta(seconds=float(WRONG_BY.read_text()))


def set_wrong_by(folder: Path, seconds: float) -> None:
    """For the service that runs in ``folder``. It never finds the file half written."""
    part = folder / f"{WRONG_BY}.part"
    part.write_text(str(seconds))
    part.replace(folder / WRONG_BY)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    Server(
        "tests.faults.clock:factory",
        factory=True,
        interface=Interfaces.ASGI,
        port=given.port,
        workers=given.workers,
        websockets=False,
        log_access=False,
        log_level=LogLevels.warning,
        log_dictconfig=STANDARD,
        workers_kill_timeout=20,
    ).serve()
