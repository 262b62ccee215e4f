"""Log lines as JSON on stderr. No line names an address, a browser or a visitor.

Whatever logs by Python's own ``logging`` (the server, drivers, asyncio) is held to the same: a line
of theirs is the first of what they say, and an exception in it is told by its kind and where it was
raised, never by its message, since that may hold what a visitor sent.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from consent.errors import ConsentError

_STAMPS: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
STANDARD: dict[str, Any] = {
    "formatters": {"json": {"()": "consent.web.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {},
}
"""For ``logging.config.dictConfig``, as the server takes it (``log_dictconfig``)."""


def configure() -> None:
    """For a serving process. Tests and the command line keep structlog's defaults."""
    structlog.configure(
        processors=[*_STAMPS, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)


def formatter() -> logging.Formatter:
    """Makes a line of ``logging`` one of ours."""
    return ProcessorFormatter(
        foreign_pre_chain=_STAMPS,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            _without_what_was_sent,
            structlog.processors.JSONRenderer(),
        ],
    )


def told(error: BaseException) -> dict[str, Any]:
    """What a line may say of ``error``: its kind, where it was raised, and only our own words."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    why = {"why": str(error)} if isinstance(error, ConsentError) else {}
    return {"error": type(error).__name__, **why, "where": where}


def _without_what_was_sent(_: object, __: str, line: EventDict) -> EventDict:
    raised = line.pop("exc_info", None)
    line.pop("stack_info", None)
    error = raised[1] if isinstance(raised, tuple) else raised
    line["event"] = str(line["event"]).partition("\n")[0]
    return {**line, **told(error)} if isinstance(error, BaseException) else line
