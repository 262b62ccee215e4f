"""What an invitation's link opens: a password, and with it an account.

The page is the same whether the address has an account or not. Who has one gives its password, and
gets the role beside the others; who has none chooses one.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consent import accounts, activity, invitations, people
from consent.errors import ConsentError, NotFoundError, RefusedError, ThrottledError
from consent.invitations import Invitation
from consent.model import User
from consent.web.admin import door, pages, posted, sessions
from consent.web.admin.login import check_passwords, ways
from consent.web.admin.passwords import Passwords
from consent.web.services import Services

WRONG = "that password cannot be used with this invitation"


class Invited:
    """The two endpoints. Nobody is signed in here; the secret in the address is what counts."""

    def __init__(self, services: Services, passwords: Passwords) -> None:
        self._services = services
        self._passwords = passwords

    async def show(self, request: Request) -> Response:
        try:
            return self._form(await self._invitation(request))
        except ConsentError as error:
            return door.fault(error, None)

    async def accept(self, request: Request) -> Response:
        try:
            sessions.check_origin(self._services, request)
            check_passwords(self._services)
            invitation = await self._invitation(request)
            password = (await posted.fields(request)).get("password", "")
            try:
                await self._become(request, invitation, password)
            except ThrottledError as error:
                response = self._form(invitation, error.detail, 429)
                response.headers["retry-after"] = str(error.retry_after_seconds)
                return response
            except RefusedError as error:
                if error.code not in ("bad_password", "wrong_password"):
                    raise
                return self._form(invitation, error.detail, 422)
        except ConsentError as error:
            return door.fault(error, None)
        return RedirectResponse("/admin/login", status_code=303)

    async def _become(self, request: Request, invitation: Invitation, password: str) -> None:
        accounts.check_password(password)
        known = await self._passwords.check(request, invitation.email, password)
        hashed = await self._passwords.hash(password)
        at = self._services.now()
        async with self._services.database.write() as c:
            before = await accounts.by_email(c, invitation.email)
            if (before is None) != (known is None):
                raise RefusedError("wrong_password", WRONG)
            if not await invitations.remove(c, invitation.id):
                raise _over()
            grant = invitation.grant
            after: User
            if before is None:
                given = (hashed, grant.role, grant.store, at)
                after = await accounts.add(c, invitation.email, *given, group_key=grant.group)
            else:
                after = await accounts.grant(c, invitation.email, grant)
            act = people.act("accepted an invitation", before, after)
            await activity.add(c, act, by=after, at=at)

    async def _invitation(self, request: Request) -> Invitation:
        """The invitation of the address.

        Raises:
            NotFoundError: it is used, over or none.
        """
        async with self._services.database.read() as c:
            found = await invitations.get(c, request.path_params["secret"], self._services.now())
        if found is None:
            raise _over()
        return found

    def _form(self, invitation: Invitation, fault: str = "", status: int = 200) -> Response:
        context = {
            "invitation": invitation,
            "least": accounts.PASSWORD_CHARACTERS,
            "fault": fault,
            "here": "",
            **ways(self._services),
        }
        return pages.render("invitation.html", context, status=status)


def _over() -> NotFoundError:
    return NotFoundError(
        "no_such_invitation", "this invitation is used, taken back or over; ask for another"
    )
