"""Signing in and out."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consent import activity
from consent import sessions as session_rows
from consent.activity import Act
from consent.errors import ConsentError, ForbiddenError, RefusedError, ThrottledError
from consent.web.admin import door, pages, posted, sessions
from consent.web.admin.entry import Entry
from consent.web.admin.passwords import Passwords
from consent.web.services import Services

WRONG = "That email and password do not match an account that may sign in."


class Login:
    """The three endpoints."""

    def __init__(self, services: Services, passwords: Passwords, entry: Entry) -> None:
        self._services = services
        self._passwords = passwords
        self._entry = entry

    async def show(self, request: Request) -> Response:
        try:
            async with self._services.database.read() as c:
                signed = await sessions.signed_in(self._services, c, request)
        except ConsentError as error:
            return door.fault(error, None)
        wanted = sessions.safe_next(request.query_params.get("next", ""))
        if signed is not None:
            return RedirectResponse(wanted, status_code=303)
        return self._form(next_=wanted, out=request.query_params.get("out") == "1")

    async def sign_in(self, request: Request) -> Response:
        try:
            sessions.check_origin(self._services, request)
            check_passwords(self._services)
            form = await posted.fields(request)
        except RefusedError as error:
            return door.fault(error, None)
        email, wanted = form.get("email", "").strip(), sessions.safe_next(form.get("next", ""))
        try:
            known = await self._passwords.check(request, email, form.get("password", ""))
            response = await self._entry.by_password(request, known, wanted) if known else None
        except ThrottledError as error:
            said = f"{error.detail[:1].upper()}{error.detail[1:]}."
            response = self._form(next_=wanted, email=email, fault=said, status=429)
            response.headers["retry-after"] = str(error.retry_after_seconds)
            return response
        except ConsentError as error:
            return door.fault(error, None)
        return response or self._form(next_=wanted, email=email, fault=WRONG, status=401)

    async def sign_out(self, request: Request) -> Response:
        """Ends this session: here, and wherever else its cookie was copied to.

        When storage is away nothing has ended; the cookie stays, so that trying again helps.
        """
        try:
            sessions.check_origin(self._services, request)
            async with self._services.database.read() as c:
                signed = await sessions.signed_in(self._services, c, request)
            if signed is not None:
                async with self._services.database.write() as c:
                    await session_rows.end(c, signed.user.id, signed.session.id)
                    act = Act("sign_out", None, signed.user.email)
                    await activity.add(c, act, by=signed.user, at=self._services.now())
        except ConsentError as error:
            return door.fault(error, None)
        out = "?out=1" if self._services.provider is not None else ""
        response = RedirectResponse(f"/admin/login{out}", status_code=303)
        response.headers["clear-site-data"] = '"cache"'
        sessions.end(self._services, response)
        return response

    def _form(
        self, *, next_: str, email: str = "", fault: str = "", status: int = 200, out: bool = False
    ) -> Response:
        context = {
            **{"next": next_, "email": email, "fault": fault, "here": ""},
            "out": out and self._services.provider is not None,
            **ways(self._services),
        }
        return pages.render("login.html", context, status=status)


def ways(services: Services) -> dict[str, Any]:
    """How one gets in here, for templates."""
    chosen = services.settings
    return {
        "provider": chosen.oidc_label if services.provider is not None else "",
        "passwords": not chosen.oidc_only,
    }


def check_passwords(services: Services) -> None:
    """Raises ForbiddenError where passwords let nobody in."""
    if services.settings.oidc_only:
        label = services.settings.oidc_label
        raise ForbiddenError("passwords_off", f"passwords are off here; sign in with {label}")
