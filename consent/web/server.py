"""The processes of ``consent serve``: how they begin, are told to stop, and end."""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 # itself, by no shell
import sys
import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any

import granian._signals
import structlog
from granian import Granian
from granian._granian import WorkerSignal

from consent.web import logs
from consent.web.app import LATER_SECONDS, import_the_rest

AGAIN_SECONDS = 0.5
"""How often the server is woken that is to stop."""
PARENT_SECONDS = 1.0
"""How often a worker looks whether the process that started it is there."""
TOLD_SECONDS = 2.0
"""How much later than a worker this process may hear that all are to stop."""
LOOK = (sys.executable, "-P", "-c", "from consent.cli.serve import look; look()")
LOOK_SECONDS = 60.0
BEGIN_SECONDS = 300.0
"""How long a new worker may take to begin before the one in whose place it comes is ended."""
STOPPING = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger("server")
_importing = threading.Lock()
"""Held while this process imports, and while it forks: a worker that is forked in the middle of an
import would find that module locked for ever, and could neither serve it nor end."""


class Server(Granian):  # type: ignore[misc, valid-type]
    """Begins with workers that are forks of this process, so that nothing is imported twice.

    ``has_begun`` says of the number of a process whether it answers. A reload waits for that.
    """

    def __init__(
        self, *given: Any, has_begun: Callable[[int], bool] = lambda _: True, **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self._has_begun = has_begun
        self._reloading = False
        self._told: SimpleQueue[None] = SimpleQueue()
        """Not an event, whose lock a signal could find taken by the thread that it interrupts."""

    def startup(self, *given: Any) -> None:
        logs.configure()
        threading.Thread(target=self._wake_when_told, daemon=True).start()
        super().startup(*given)
        # For workers that take the place of one that has ended. Meanwhile it hears signals.
        soon = threading.Timer(LATER_SECONDS, import_alone)
        soon.daemon = True
        soon.start()

    def shutdown(self, exit_code: int = 0) -> None:
        if self.interrupt_signal:  # which workers may have heard first: none of them has failed
            self.interrupt_children.clear()
        for told in STOPPING:  # who says it again changes nothing, not even the exit code
            signal.signal(told, signal.SIG_IGN)
        super().shutdown(exit_code)

    def signal_handler_interrupt(self, *_: object) -> None:
        self.interrupt_signal = True
        for worker in self.wrks:  # a terminal and systemd tell all processes at once
            worker.interrupt_by_parent = True
        self._told.put(None)

    def _wake_when_told(self) -> None:
        self._told.get()
        while True:  # what waits for it clears it before it replaces a worker that has failed
            self.main_loop_interrupt.set()
            time.sleep(AGAIN_SECONDS)

    def _reload(self, *given: Any) -> None:
        """Only where new workers could begin; else those that serve would end for nothing."""
        why = _kept_from_beginning()
        if not why:
            self._reloading = True
            super()._reload(*given)
            self._reloading = False
            return
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        _log.error("not reloaded; the workers that serve go on", why=why)

    def _spawn_worker(self, *given: Any, **named: Any) -> Any:
        worker = super()._spawn_worker(*given, **named)
        worker.inner = Child(worker.inner, self._until_begun if self._reloading else _at_once)
        worker._watcher = partial(self._watch, worker, worker._watcher)
        return worker

    def _watch(self, worker: Any, tell: Callable[[], None]) -> None:
        """A worker that was told to stop ends well, maybe before this process hears of it."""
        worker.join()
        deadline = time.monotonic() + TOLD_SECONDS
        while worker.inner.ended_well() and time.monotonic() < deadline:
            if worker.interrupt_by_parent or self.interrupt_signal:
                worker.interrupt_by_parent = True
                break
            time.sleep(0.01)
        tell()

    def _until_begun(self, child: Child) -> None:
        """However slow this machine is, the one in whose place it comes answers until then."""
        deadline = time.monotonic() + BEGIN_SECONDS
        while child.is_alive() and not (child.pid and self._has_begun(child.pid)):
            if self.interrupt_signal or time.monotonic() > deadline:
                return
            time.sleep(0.05)


def _kept_from_beginning() -> str:
    """Why a worker of the release that is installed now could not begin; empty: it could."""
    how: dict[str, Any] = {"capture_output": True, "text": True, "timeout": LOOK_SECONDS}
    try:
        done = subprocess.run(LOOK, check=False, **how)  # nosec B603  # noqa: S603 - constant
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    said = done.stderr.strip().splitlines() or ["it ended without a word"]
    return said[-1] if done.returncode else ""


def _at_once(_: Child) -> None:
    """Others are started meanwhile."""


class Child:
    """A worker's process, as the one that starts it sees it.

    It is begun with signals to stop held back, so that none is lost on what a fork inherits. Of
    the threads that wait for its end one at a time asks the system: ``multiprocessing`` takes a
    process for alive whose end another thread is just being told of, and the server then says that
    it refused to stop.

    ``started`` is told of it once it is started.
    """

    def __init__(self, process: BaseProcess, started: Callable[[Child], None]) -> None:
        self._process = process
        self._started = started
        self._asking = threading.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def start(self) -> None:
        with _importing:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
            try:
                self._process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._started(self)

    def join(self, timeout: float | None = None) -> None:
        if wait([self._process.sentinel], timeout):
            with self._asking:
                self._process.join()

    def is_alive(self) -> bool:
        with self._asking:
            return self._process.is_alive()

    def ended_well(self) -> bool:
        with self._asking:
            return self._process.exitcode == 0

    def terminate(self) -> None:
        with self._asking:
            self._process.terminate()

    def kill(self) -> None:
        with self._asking:
            self._process.kill()


def import_alone() -> None:
    """Imports the rest while no worker is being forked."""
    with _importing:
        import_the_rest()


def begin_as_worker() -> None:
    """Lets this process be told to stop by a signal at any time and any number of times.

    The server's own way loses a signal that comes while the event loop is not running, which is so
    once between the start of the application and its first request, and waits for itself for ever
    where a second one comes before it serves, or a third one before the last answer. The end of
    the process that started this one counts as a signal: else this one would keep the port, and
    the service could not be started again.
    """
    logs.configure()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # in all threads that are yet to come
    granian._signals.set_loop_signals = _stop_by_a_thread
    threading.Thread(target=_stop_after, args=(os.getppid(),), daemon=True).start()


def _stop_by_a_thread(_: AbstractEventLoop) -> WorkerSignal:
    stop = WorkerSignal()
    threading.Thread(target=_stop_when_told, args=(stop,), daemon=True).start()
    return stop


def _stop_when_told(stop: WorkerSignal) -> None:
    signal.sigwait(STOPPING)
    stop.set()


def _stop_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    _log.error("worker ends, since the process that started it is gone")
    os.kill(os.getpid(), signal.SIGTERM)
