"""Alembic runs this file. The connection and the list of names come from ``migrations.py``."""

from __future__ import annotations

from typing import Any

from alembic import context

from consent.database import tables

_attributes = context.config.attributes


def _remember(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
    _attributes["names"].append(step.up_revision_id)


context.configure(
    connection=_attributes["connection"],
    target_metadata=tables.metadata,
    transactional_ddl=True,  # SQLite too: the statements run inside BEGIN IMMEDIATE
    on_version_apply=_remember,
)
context.run_migrations()
