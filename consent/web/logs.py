"""Log lines as JSON on stderr. No line names an address, a browser or a visitor."""

from __future__ import annotations

import logging
import sys

import structlog


def configure() -> None:
    """For a serving process. Tests and the command line keep structlog's defaults."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
