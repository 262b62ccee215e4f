"""Figures of all processes of one service on one machine, summed by whichever is asked.

A scrape reaches one process of several, so each leaves its figures in a folder that all of them
know, once a second. The file of a process that has ended stays, since counters never go back; its
gauges are old news and do not count.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
import structlog

WRITE_SECONDS = 1.0
LIVE_SECONDS = 10.0
"""A file that is older was left by a process that has ended, or hangs."""

Labels = tuple[tuple[str, str], ...]

_log = structlog.get_logger("metrics")


class Figure(msgspec.Struct, frozen=True, array_like=True):
    """One number. ``over``: what several processes make of it.

    A ``bucket`` is one step of a histogram: how many were at most ``le`` seconds, without those of
    lower steps; ``+Inf`` among them, and ``sum`` as the step that holds all seconds together.
    """

    name: str
    help: str
    value: float
    kind: Literal["counter", "gauge", "bucket"] = "counter"
    labels: Labels = ()
    over: Literal["sum", "max", "min"] = "sum"


_OVER: Mapping[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}
Source = Callable[[], Iterable[Figure]]
_FIGURES = msgspec.json.Decoder(list[Figure])


class Tally:
    """What ``sources`` say here, and what the other processes of ``folder`` have left there.

    Args:
        sources: asked at each scrape and each second.
        folder: of this user alone; None: this process has no others.
    """

    def __init__(self, sources: Iterable[Source], folder: Path | None = None) -> None:
        self._sources = tuple(sources)
        self._folder = folder if folder is not None and _is_ours(folder) else None
        self._path = self._folder / f"{os.getpid()}.json" if self._folder else None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._path is not None:
            self._task = asyncio.create_task(self._write_often())

    async def stop(self) -> None:
        """Leaves behind what has to go on counting."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            self._leave([figure for figure in self._own() if figure.kind != "gauge"])

    def figures(self) -> list[Figure]:
        """Each figure once for each of its labels, over all processes."""
        found: dict[tuple[str, Labels], Figure] = {}
        for figure in (*self._own(), *self._others()):
            known = found.get((figure.name, figure.labels))
            if known is not None:
                value = _OVER[figure.over]((known.value, figure.value))
                figure = msgspec.structs.replace(figure, value=value)
            found[figure.name, figure.labels] = figure
        return list(found.values())

    def write(self) -> None:
        """Leaves this process's figures for the others."""
        self._leave(self._own())

    def _leave(self, figures: list[Figure]) -> None:
        if self._path is None:
            return
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(msgspec.json.encode(figures))
            part.replace(self._path)
        except OSError as error:  # a full disk costs no request
            _log.warning("figures not shared", error=type(error).__name__)

    def _own(self) -> list[Figure]:
        return [figure for source in self._sources for figure in source()]

    def _others(self) -> Iterable[Figure]:
        for path in sorted(self._folder.glob("*.json")) if self._folder else ():
            if path == self._path:
                continue
            # One that is half gone, or of another release, is left out.
            with contextlib.suppress(OSError, msgspec.DecodeError):
                live = time.time() - path.stat().st_mtime < LIVE_SECONDS
                for figure in _FIGURES.decode(path.read_bytes()):
                    if live or figure.kind != "gauge":
                        yield figure

    async def _write_often(self) -> None:
        while True:
            self.write()
            await asyncio.sleep(WRITE_SECONDS)


def shared_folder(parent: int) -> Path:
    """The folder of the processes that ``parent`` has started: the workers of one ``serve``."""
    return Path(tempfile.gettempdir()) / f"pixelgate-{os.geteuid()}-{parent}"


def has_begun(folder: Path, pid: int) -> bool:
    """Whether that process has left figures in ``folder``, which it does as it begins to answer."""
    return (folder / f"{pid}.json").exists()


def _is_ours(folder: Path) -> bool:
    """Makes ``folder`` for this user alone; False where another one was there first."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    ours = found.st_uid == os.geteuid() and not found.st_mode & 0o077 and not folder.is_symlink()
    if not ours:
        _log.warning("figures not shared", folder=str(folder), reason="not of this user alone")
    return ours
