"""The admin pages: sign-in, rates, ledger, activity, stores, pixels. Rendered on the server."""

from __future__ import annotations

from typing import Any

from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from consent.errors import NotFoundError
from consent.web.admin import (
    access,
    activity,
    apitokens,
    coverage,
    decision,
    door,
    erasing,
    experiments,
    find,
    groups,
    handout,
    history,
    ledger,
    looser,
    pages,
    pixelchoice,
    pixels,
    place,
    preview,
    publishing,
    rates,
    regions,
    rules,
    scheduled,
    setup,
    stores,
    users,
)
from consent.web.admin.account import Account
from consent.web.admin.checking import Checking, Turns
from consent.web.admin.codes import Codes
from consent.web.admin.door import Visit
from consent.web.admin.entry import Entry
from consent.web.admin.invited import Invited
from consent.web.admin.login import Login
from consent.web.admin.openid import OpenId
from consent.web.admin.passwords import Passwords
from consent.web.admin.secondfactor import SecondFactor
from consent.web.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """What is mounted at ``/admin``. All but sign-in and the static files need a session."""
    passwords, codes, turns = Passwords(services), Codes(services), Turns(services.now)
    entry = Entry(services, codes)
    login, openid = Login(services, passwords, entry), OpenId(services, entry)
    found: list[BaseRoute] = [
        Route("/", door.page(services, None, _first_page)),
        Route("/login", login.show, methods=["GET"]),
        Route("/login", login.sign_in, methods=["POST"]),
        Route("/login/oidc", openid.begin),
        Route("/login/oidc/back", openid.back, methods=["GET"]),
        Route("/login/oidc/end", openid.end),
        Route("/login/code", entry.show, methods=["GET"]),
        Route("/login/code", entry.submit, methods=["POST"]),
        Route("/logout", login.sign_out, methods=["POST"]),
        Route("/rates", door.page(services, "rates", rates.show)),
        Route("/rates.csv", door.page(services, "rates", rates.download)),
        Route("/rates.json", door.page(services, "rates", rates.download)),
        Route("/coverage", door.page(services, "coverage", coverage.show)),
        Route("/coverage.csv", door.page(services, "coverage", coverage.download)),
        Route("/coverage.json", door.page(services, "coverage", coverage.download)),
        Route(
            "/stores/{key}/coverage",
            door.change(services, "pixels", coverage.switch_on),
            methods=["POST"],
        ),
        Route("/ledger", door.page(services, "ledger", ledger.show)),
        Route("/ledger/find", door.page(services, "ledger", find.find), methods=["POST"]),
        Route("/ledger/export", door.page(services, "ledger", handout.download)),
        Route("/ledger/evidence", door.page(services, "ledger", handout.evidence_of_search)),
        Route(
            "/ledger/visitors/{visitor}/evidence",
            door.page(services, "ledger", handout.evidence_of_visitor),
        ),
        Route(
            "/ledger/{id}/evidence",
            door.page(services, "ledger", handout.evidence_of_decision),
        ),
        Route(
            "/ledger/visitors/{visitor}/erase",
            door.page(services, "ledger", erasing.confirm),
            methods=["GET"],
        ),
        Route(
            "/ledger/visitors/{visitor}/erase",
            door.change(services, "erasures", erasing.erase),
            methods=["POST"],
        ),
        Route("/ledger/visitors/{visitor}", door.page(services, "ledger", history.show)),
        Route("/ledger/{id}/receipt", door.page(services, "ledger", handout.receipt_file)),
        Route("/ledger/{id}/kept/{what}", door.page(services, "ledger", decision.kept)),
        Route("/ledger/{id}/shown", door.page(services, "ledger", decision.drawn)),
        Route("/ledger/{id}", door.page(services, "ledger", decision.show)),
        *_account_routes(services, passwords),
        *_factor_routes(services, passwords, codes),
        *_user_routes(services, passwords),
        Route("/activity", door.page(services, "activity", activity.show)),
        *_region_routes(services),
        *_group_routes(services),
        *_pixel_routes(services),
        *_check_routes(services, turns),
        *_experiment_routes(services),
        *setup.routes(services, turns),
        Route("/stores", door.page(services, "stores", stores.show)),
        Route("/stores/{key}", door.page(services, "stores", stores.one)),
        Mount("/static", app=_Static(directory=pages.STATIC)),
        Route("/{path:path}", door.page(services, None, _nothing), methods=["GET", "POST"]),
    ]
    return [Mount("", routes=found, middleware=[Middleware(pages.Headers)])]


def _account_routes(services: Services, passwords: Passwords) -> list[BaseRoute]:
    def write(act: door.Act) -> door.Endpoint:
        return door.change(services, None, act)

    account = Account(passwords)
    return [
        Route("/account", door.page(services, None, account.show), methods=["GET"]),
        Route("/account/end", write(account.end_one), methods=["POST"]),
        Route("/account/end-others", write(account.end_others), methods=["POST"]),
        Route("/account/password", write(account.change_password), methods=["POST"]),
        Route("/tokens", door.page(services, None, apitokens.show), methods=["GET"]),
        Route("/tokens/add", write(apitokens.add), methods=["POST"]),
        Route("/tokens/revoke", write(apitokens.revoke), methods=["POST"]),
    ]


def _factor_routes(services: Services, passwords: Passwords, codes: Codes) -> list[BaseRoute]:
    factor, path = SecondFactor(services, passwords, codes), "/account/second-factor"

    def write(act: door.Act) -> door.Endpoint:
        return door.change(services, None, act, first=True)

    return [
        Route(path, door.page(services, None, factor.show, first=True), methods=["GET"]),
        Route(path, write(factor.set_up), methods=["POST"]),
        Route(f"{path}/codes", write(factor.renew_codes), methods=["POST"]),
        Route(f"{path}/off", write(factor.turn_off), methods=["POST"]),
    ]


def _user_routes(services: Services, passwords: Passwords) -> list[BaseRoute]:
    def write(act: door.Act) -> door.Endpoint:
        return door.change(services, "people", act)

    invited = Invited(services, passwords)
    return [
        Route("/invitation/{secret}", invited.show, methods=["GET"]),
        Route("/invitation/{secret}", invited.accept, methods=["POST"]),
        Route("/users", door.page(services, "users", users.show_all)),
        Route("/users/invite", write(users.invite), methods=["POST"]),
        Route("/users/withdraw", write(users.withdraw), methods=["POST"]),
        Route("/users/{user}", door.page(services, "users", users.show)),
        Route("/users/{user}/grant", write(users.grant), methods=["POST"]),
        Route("/users/{user}/revoke", write(users.revoke), methods=["POST"]),
        Route("/users/{user}/disable", write(users.disable), methods=["POST"]),
        Route("/users/{user}/enable", write(users.enable), methods=["POST"]),
        Route("/users/{user}/end", write(users.end_session), methods=["POST"]),
        Route("/users/{user}/unlink", write(users.unlink), methods=["POST"]),
        Route("/users/{user}/reset", write(users.reset_second_factor), methods=["POST"]),
    ]


def _region_routes(services: Services) -> list[BaseRoute]:
    def read(show: door.Page) -> door.Endpoint:
        return door.page(services, "regions", show)

    def write(act: door.Act) -> door.Endpoint:
        return door.change(services, "regions", act)

    return [
        Route("/regions", read(regions.show)),
        Route("/regions/looser", read(looser.show)),
        Route("/regions/view", read(place.view)),
        Route("/regions/{place}", read(place.show)),
        Route("/regions/{place}/preview", read(preview.show)),
        Route("/stores/{key}/rule", read(rules.show), methods=["GET"]),
        Route("/stores/{key}/rule", write(rules.save), methods=["POST"]),
        Route("/stores/{key}/rule/remove", write(rules.remove), methods=["POST"]),
        Route(
            "/stores/{key}/rule/allow",
            door.change(services, "approvals", rules.allow),
            methods=["POST"],
        ),
        Route("/stores/{key}/publish", read(publishing.show), methods=["GET"]),
        Route("/stores/{key}/publish", write(publishing.make_live), methods=["POST"]),
        Route("/stores/{key}/schedule", write(scheduled.make), methods=["POST"]),
        Route("/stores/{key}/schedule/cancel", write(scheduled.cancel), methods=["POST"]),
        Route("/stores/{key}/rollback", read(publishing.confirm), methods=["GET"]),
        Route("/stores/{key}/rollback", write(publishing.roll_back), methods=["POST"]),
        Route("/versions", read(publishing.versions)),
    ]


def _group_routes(services: Services) -> list[BaseRoute]:
    def read(show: door.Page) -> door.Endpoint:
        return door.page(services, "groups", show)

    def write(act: door.Act) -> door.Endpoint:
        return door.change(services, "regions", act)

    return [
        Route("/groups", read(groups.show_all)),
        Route("/groups/add", read(groups.add), methods=["GET"]),
        Route("/groups/add", write(groups.save), methods=["POST"]),
        Route("/groups/{key}", read(groups.show), methods=["GET"]),
        Route("/groups/{key}", write(groups.save), methods=["POST"]),
        Route("/groups/{key}/apply", read(groups.look), methods=["GET"]),
        Route("/groups/{key}/apply", write(groups.apply), methods=["POST"]),
        Route(
            "/groups/{key}/allow",
            door.change(services, "approvals", groups.allow),
            methods=["POST"],
        ),
    ]


def _pixel_routes(services: Services) -> list[BaseRoute]:
    def read(show: door.Page) -> door.Endpoint:
        return door.page(services, "pixels", show)

    def write(act: door.Act) -> door.Endpoint:
        return door.change(services, "pixels", act)

    path = "/stores/{key}/pixels"
    return [
        Route("/pixels", read(pixels.overview)),
        Route(path, read(pixels.show)),
        Route(f"{path}/one", read(pixels.one)),
        Route(f"{path}/add", read(pixelchoice.add), methods=["GET"]),
        Route(f"{path}/add", write(pixels.save), methods=["POST"]),
        Route(f"{path}/paste", write(pixelchoice.recognise), methods=["POST"]),
        Route(f"{path}/edit", read(pixels.edit), methods=["GET"]),
        Route(f"{path}/edit", write(pixels.save), methods=["POST"]),
        Route(f"{path}/remove", write(pixels.remove), methods=["POST"]),
        Route(f"{path}/publish", write(pixels.make_live), methods=["POST"]),
        Route(
            f"{path}/review",
            door.change(services, "reviews", pixels.review_own),
            methods=["POST"],
        ),
    ]


def _experiment_routes(services: Services) -> list[BaseRoute]:
    def write(act: door.Act) -> door.Endpoint:
        return door.change(services, "pixels", act)

    path = "/stores/{key}/experiments"
    return [
        Route(path, door.page(services, "pixels", experiments.show), methods=["GET"]),
        Route(path, write(experiments.plan), methods=["POST"]),
        Route(f"{path}/end", write(experiments.end), methods=["POST"]),
        Route(f"{path}/publish", write(experiments.make_live), methods=["POST"]),
    ]


def _check_routes(services: Services, turns: Turns) -> list[BaseRoute]:
    checking, path = Checking(turns), "/stores/{key}/check"
    return [
        Route(path, door.page(services, "pixels", checking.show), methods=["GET"]),
        Route(path, door.change(services, "pixels", checking.check), methods=["POST"]),
    ]


async def _first_page(visit: Visit) -> Response:
    if to := await setup.first_page(visit.connection, visit.user):
        return RedirectResponse(to, status_code=303)
    first = next(iter(access.pages(visit.user)), "account")
    return RedirectResponse(f"/admin/{first}", status_code=303)


async def _nothing(visit: Visit) -> Response:
    raise NotFoundError("no_such_page", "there is no page at this address")


class _Static(StaticFiles):
    """Files whose address carries their hash, so that a browser asks for each one once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response
