"""The command line in this process: a new one costs a second, and shows nothing more.

That a process of its own works as well is shown by the tests of wheel, demo and service.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from consent.cli import main


def run(
    arguments: Sequence[str], *, folder: Path, environ: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """What ``consent`` answers in ``folder``; of our variables those of ``environ`` are set."""
    # In a thread of its own, since whoever drives a browser has an event loop in this one.
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(_run, list(arguments), folder, environ, stdin).result()


def _run(
    arguments: list[str], folder: Path, environ: Mapping[str, str], stdin: str
) -> subprocess.CompletedProcess[str]:
    given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    status: object = 0
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, _changed(environ), clear=True),  # noqa: TID251
        mock.patch.object(sys, "stdin", given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main(arguments)
        except SystemExit as ended:
            status = ended.code
    said = [one.buffer.getvalue().decode() for one in (_flushed(out), _flushed(err))]
    return subprocess.CompletedProcess(arguments, int(str(status or 0)), *said)


def _changed(environ: Mapping[str, str]) -> dict[str, str]:
    others = {k: v for k, v in os.environ.items() if not k.startswith("CONSENT_")}  # noqa: TID251
    return {**others, **environ}


def _flushed(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    stream.flush()
    return stream
