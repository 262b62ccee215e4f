"""Versions at a set time, through the API: what waits, scheduling the draft, taking it back."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from consent import schedule, schedules
from consent.schedules import Schedule
from consent.web.api.operation import PAGE, Ask, Limit, Operation, Order, files
from consent.web.api.stores import PATH, of
from consent.web.services import MAX_NUMBER


class ScheduleList(msgspec.Struct, frozen=True):
    """What waits, the next first; then what has ended, the last first."""

    schedules: list[Schedule]


class ScheduleQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Limit = PAGE


class ScheduleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When: a day and a time, as clocks in ``zone`` show it, or with its own offset."""

    at: Annotated[str, Meta(min_length=1, max_length=40)]
    zone: Annotated[str, Meta(max_length=60)] = "UTC"


class CancelBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``id`` of a schedule that waits."""

    id: Annotated[int, Meta(ge=1, le=MAX_NUMBER)]


async def listed(ask: Ask) -> ScheduleList:
    key = (await of(ask.connection, ask.user, ask.path["store"])).key
    return ScheduleList(await schedules.of_store(ask.connection, key, limit=ask.query.limit))


async def make(order: Order) -> Schedule:
    services, body, seen = order.services, order.body, order.match()
    async with services.database.read() as c:
        key = (await of(c, order.user, order.path["store"])).key
    due = schedule.moment(body.at, body.zone, services.now())
    return await schedule.make(
        services.database,
        key,
        due,
        body.zone,
        files(services),
        now=services.now,
        shown=seen,
        by=order.user,
    )


async def cancel(order: Order) -> Schedule:
    services = order.services
    async with services.database.read() as c:
        key = (await of(c, order.user, order.path["store"])).key
    return await schedule.cancel(
        services.database, key, order.body.id, now=services.now, by=order.user
    )


OPERATIONS = (
    Operation(
        *("schedules.list", "GET", f"{PATH}/schedules", "stores:read", listed),
        "What of the store is published at a set time, and what became of earlier ones.",
        ScheduleList,
        ScheduleQuery,
    ),
    Operation(
        *("schedules.make", "POST", f"{PATH}/schedules", "stores:publish", make),
        "Fixes the draft of If-Match to be published at a set time.",
        Schedule,
        body=ScheduleBody,
        match="required",
    ),
    Operation(
        *("schedules.cancel", "POST", f"{PATH}/schedules/cancel", "stores:publish", cancel),
        "Takes back what waits for its time.",
        Schedule,
        body=CancelBody,
    ),
)
