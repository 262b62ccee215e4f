"""Publishing a draft at a set time, and taking that back."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from consent import schedule
from consent.bulk import Files
from consent.errors import NotFoundError, RefusedError
from consent.web.admin import publishing, states
from consent.web.admin.door import Post


async def make(post: Post) -> Response:
    """Schedules the draft, if it is the one that the page had shown and will be fit by then."""
    services, fields, key = post.services, post.fields, post.request.path_params["key"]
    async with services.database.read() as c:
        state = await states.of(services, c, post.user, key)
    text, zone = f"{fields.get('day', '')} {fields.get('time', '')}", fields.get("zone", "UTC")
    try:
        due = schedule.moment(text, zone, services.now())
        made = await schedule.make(
            services.database,
            key,
            due,
            zone,
            Files(services.platforms, services.regions, services.texts),
            now=services.now,
            shown=fields.get("draft", ""),
            by=post.user,
        )
    except RefusedError as error:
        said = {"refused": error.detail, "given": dict(fields)}
        status = {"moved": 409, "role": 403}.get(error.code, 422)
        return publishing.page(services, post.user, state, said, status=status)
    return RedirectResponse(publishing.address(key, scheduled=str(made.id)), status_code=303)


async def cancel(post: Post) -> Response:
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        await states.of(services, c, post.user, key)
    number = post.fields.get("schedule", "")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise NotFoundError("unknown_schedule", f"schedule: {number[:12]!r} is no number of one")
    await schedule.cancel(services.database, key, int(number), now=services.now, by=post.user)
    return RedirectResponse(publishing.address(key, cancelled=number), status_code=303)
