"""Lines of Python's own ``logging`` in a serving process: the server's, a driver's, asyncio's."""

import json
import logging

import pytest
import structlog

from consent.cli import serve
from consent.errors import SettingsError
from consent.web import logs

SENT = "visitor 192.0.2.7"


def line(message: str, error: Exception | None = None) -> dict:
    raised = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("asyncio", logging.ERROR, __file__, 1, message, (), raised)
    text = logs.formatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_of_somebody_else_is_one_json_object_without_what_was_sent():
    try:
        raise ValueError(SENT)
    except ValueError as error:
        said = line(f"Task exception was never retrieved\nfuture: {SENT}", error)
    assert said.pop("timestamp").endswith("Z")
    (where,) = said.pop("where")
    assert where.startswith("test_logs.py:")
    event = "Task exception was never retrieved"
    assert said == {"event": event, "level": "error", "error": "ValueError"}


def test_our_own_words_are_told_of_an_error():
    assert (
        line("no", SettingsError("KEY: found 1; expected 2"))["why"] == "KEY: found 1; expected 2"
    )


def test_a_worker_that_cannot_begin_says_why(monkeypatch):
    def broken(_: object) -> None:
        raise SettingsError("KEY: found 1; expected 2")

    monkeypatch.setattr(serve, "begin_as_worker", lambda: None)
    monkeypatch.setattr(serve, "factory", broken)
    with structlog.testing.capture_logs() as lines, pytest.raises(SystemExit) as ended:
        serve.worker()
    assert ended.value.code == 1
    assert [(one["event"], one["why"]) for one in lines] == [
        ("worker not started", "KEY: found 1; expected 2")
    ]
