"""What must hold after every step: rules 1 to 5, each event once and in order, and the ledger."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.e2e.model.servers import LIBRARIES, OWN_COOKIE, OWN_KEY, VENDORS
from tests.e2e.model.truth import PURPOSES, Act, Doc, Need, Pixel
from tests.e2e.model.world import Broken, Event, Sent, World, identity

STORAGE = """async ([cookie, key]) => ({
  cookies: document.cookie.split('; ').filter(Boolean).map((part) => part.split('=')[0]),
  own: [document.cookie.split('; ').find((part) => part.startsWith(cookie)), localStorage[key]],
  local: Object.keys(localStorage), session: Object.keys(sessionStorage),
  databases: (await indexedDB.databases()).map((one) => one.name), caches: await caches.keys(),
})"""
ASKS = """() => {
  const host = document.querySelector('#pixelgate');
  const all = host ? [...host.shadowRoot.querySelectorAll('[data-action="accept"]')] : [];
  return all.some((one) => one.checkVisibility());
}"""
OWN = {"pixelgate", OWN_COOKIE[0], OWN_KEY[0]}


@dataclass(frozen=True)
class Hit:
    """What a vendor was told. ``kind`` tells the several hits of one event apart; ``signals`` is
    Google's ``gcs``: G1, then advertising, then analytics.
    """

    at: float
    doc: Doc
    pixel: Pixel
    kind: str
    event: str
    url: str
    signals: str = ""


class Rules:
    """Held up against one world, after each step that let everything come to rest."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.truth = world.truth
        self.hits: list[Hit] = []
        self._began: set[Pixel] = set()
        self._looked = self._recorded = 0
        self._last = 0.0

    def hold(self) -> None:
        """Raises ``Broken``, which names the rule, when one does not hold."""
        world = self.world
        world.note_acts()
        docs = [doc for tab in world.tabs if (doc := world.doc(tab))]
        self._spread(docs)
        requests = [
            replace(sent, at=min(sent.at, world.handed.get(sent.url, sent.at)))
            for sent in world.sent[self._looked :]
        ]
        self._looked = len(world.sent)
        for sent in sorted(requests, key=lambda sent: sent.at):
            self._request(sent)
        self._each_event_once_and_in_order()
        self._complaints()
        shown = world.doc()
        if shown is not None:
            self._storage(shown, docs)
        self._ledger()
        if world.reachable:
            self._is_settled(shown, docs)
        self._last = time.monotonic()

    def _is_settled(self, shown: Doc | None, docs: list[Doc]) -> None:
        """What can be expected once nothing is under way and the service is there."""
        pending = self.truth.pending()
        newest = self.truth.newest(time.monotonic())
        for doc in docs if not pending else []:
            # A page that was left before the answer came has granted nothing; the next one will.
            if newest is None or newest.doc in docs or doc.at > (newest.acknowledged or 0.0):
                self._nothing_lost(doc)
        if shown is not None and self._fresh(shown):
            self._acts_are_recorded(shown)
            if not pending:
                self._asked_rightly(shown)

    def _spread(self, docs: list[Doc]) -> None:
        """Which pages may never have seen an act, since the next followed before they looked."""
        for act in self.truth.decisions():
            if act.unheard is None:
                raced = act is not self.truth.acts[-1]
                act.unheard = [doc for doc in docs if raced and doc is not act.doc]

    def _fresh(self, doc: Doc) -> bool:
        """Whether it is the next page: it came in this step, and after all but its own acts."""
        others = [act for act in self.truth.acts if getattr(act, "doc", None) is not doc]
        since = max([self._last, self.truth.ahead[-1][0], *(act.end for act in others)])
        return doc.alive is not None and doc.at > since

    # The network: rules 1 to 5 in one question. May this run, here, at this moment?

    def _request(self, sent: Sent) -> None:
        parts = urlsplit(sent.url)
        if parts.netloc == urlsplit(self.world.stage.service.url).netloc:
            return
        # A page that the browser built again from what it had kept is judged by what that was made
        # for. Only where nothing but the place lets pixels run does it have to ask anew.
        if sent.doc.kept and self.truth.undecided(sent.at):
            said = f"{sent.url} left {sent.doc.serial}; nobody was asked where the visitor is"
            raise Broken("rule 3", said)
        if parts.path in LIBRARIES:
            google = parts.path.startswith("/gtag")
            pixels = [p for p in sent.doc.version.pixels if (p.platform != "meta") == google]
            if not any(self.truth.allowed(pixel.need, sent.doc, sent.at) for pixel in pixels):
                raise self._early(f"library {sent.url}", pixels, sent)
            return
        hit = _read(sent)
        if hit is None:
            raise Broken("rule 1", f"{sent.url} was contacted; no registered pixel does that")
        if not self.truth.allowed(hit.pixel.need, hit.doc, hit.at):
            raise self._early(f"hit {hit.kind} of {hit.event}", [hit.pixel], sent)
        self._signals(hit)
        self._held(hit)
        self.hits.append(hit)

    def _early(self, what: str, pixels: list[Pixel], sent: Sent) -> Broken:
        doc = sent.doc
        found = {status for p in pixels for status in self.truth.statuses(p.need, doc, sent.at)}
        newest = self.truth.newest(sent.at)
        since = f"{_said(newest)} {sent.at - newest.begin:.3f} s before" if newest else "nothing"
        page = f"{doc.serial} of version {doc.version.number} in {doc.place.name}"
        said = f"{what} left {page}, which is {sorted(found)}; last act: {since}"
        if doc.gpc and any(pixel.purposes & doc.version.gpc_refuses for pixel in pixels):
            return Broken("rule 5", said)
        if found == {"waiting"}:
            return Broken("rule 2", said)
        return Broken("rule 4" if found == {"refused"} else "rule 1", said)

    def _signals(self, hit: Hit) -> None:
        """Google is told of no grant that is not there."""
        for granted, purpose in zip(hit.signals[2:], ("marketing", "analytics"), strict=False):
            need = Need(frozenset([purpose]))
            if granted == "1" and not self.truth.allowed(need, hit.doc, hit.at):
                raise Broken("rule 1", f"{hit.url} says that {purpose} is granted")

    # Events.

    def _held(self, hit: Hit) -> None:
        """What was held when the visitor refused is gone for good."""
        event = self.world.events.get(hit.event)
        if event is None or event.doc is not hit.doc:
            raise Broken("events", f"{hit.kind} {hit.event!r}: no event of this page: {hit.url}")
        end = event.end if event.end is not None else hit.at
        moments = (event.begin, end)
        if all(self.truth.status(hit.pixel.need, hit.doc, at) == "refused" for at in moments):
            raise Broken("rule 4", f"{event.name} came while refused, and was sent: {hit.url}")
        for act in self.truth.decisions():
            if hit.doc in (act.unheard or []) or not act.denies(hit.pixel.need):
                continue
            if end < act.begin and act.end < hit.at:
                raise Broken("rule 4", f"{event.name} was held at {act.kind}, and sent: {hit.url}")

    def _each_event_once_and_in_order(self) -> None:
        newest: dict[tuple[str, str, str], int] = {}
        for hit in self.hits:
            key = (hit.doc.loader, hit.pixel.id, hit.kind)
            number = self.world.events[hit.event].number
            if number == newest.get(key):
                raise Broken("events", f"{hit.event} was sent twice: {hit.url}")
            if number < newest.get(key, 0):
                raise Broken("events", f"{hit.event} was sent after a later one: {hit.url}")
            newest[key] = number

    def _nothing_lost(self, doc: Doc) -> None:
        """What may be sent, and did not have to wait for anything but its grant, was sent."""
        now = time.monotonic()
        for event in self.world.events.values():
            if event.doc is not doc or doc.alive is None or not event.sure or event.end is None:
                continue
            for pixel in doc.version.pixels:
                sent = any(hit.event == event.id and hit.pixel == pixel for hit in self.hits)
                if not sent and self._was_due(event, event.end, pixel, now):
                    said = f"{event.name} {event.id} of {doc.serial} never went to {pixel.id}"
                    raise Broken("events", said)

    def _was_due(self, event: Event, end: float, pixel: Pixel, now: float) -> bool:
        """Whether it was allowed when it came; or was asked for here, and then allowed, once."""
        doc, acts = event.doc, self.truth.decisions()
        then, after, at_last = (
            self.truth.status(pixel.need, doc, at) for at in (event.begin, end, now)
        )
        since = [act for act in acts if act.end >= event.begin]
        others = [act for act in acts if act not in since[:1]]
        if any(act.acknowledged is None or act.acknowledged > event.begin for act in others):
            return False
        if not since:
            return then == after == at_last == "allowed"
        act = since[0]
        # Where the post failed at first, the page waits for its own next try.
        posts = [sent for sent in self.world.sent if sent.content and sent.content["id"] == act.id]
        asked = then == after == "asked" and at_last == "allowed" and not doc.gpc
        return asked and since == [act] and act.doc is doc and act.begin > end and len(posts) == 1

    def _complaints(self) -> None:
        for line in self.world.console:
            if "stand-in:" in line or "Uncaught" in line:
                raise Broken("events", f"a library or the page complains: {line}")

    # What is kept in the browser: rules 1 and 4.

    def _storage(self, shown: Doc, docs: list[Doc]) -> None:
        world = self.world
        ahead = self.truth.seconds_ahead(time.monotonic())
        for cookie in world.context.cookies():
            world.cookies.setdefault(identity(cookie), ahead)
        found = world.ask(STORAGE, given=[f"{OWN_COOKIE[0]}=", OWN_KEY[0]])
        if found is None:
            return
        if found["own"] != [f"{OWN_COOKIE[0]}={OWN_COOKIE[1]}", OWN_KEY[1]]:
            raise Broken("the shop's own", f"was touched: {found['own']}")
        kinds = ("cookies", "local", "session", "databases", "caches")
        for name in sorted({name for kind in kinds for name in found[kind]} - OWN):
            owners = [pixel for pixel in self._ever_allowed() if _leaves(pixel, name)]
            if not owners:
                raise Broken("rule 1", f"{name!r} is stored by something that may never have run")
            if world.reachable and self._fresh(shown):
                self._swept(name, owners, shown, docs)

    def _ever_allowed(self) -> set[Pixel]:
        """Every pixel that may have begun, in any page up to now."""
        acts = self.truth.decisions()
        changes = [at for act in acts for at in (act.end, act.acknowledged) if at is not None]
        for tab in self.world.tabs:
            for doc in tab.docs.values():
                moments = [at for at in (*changes, time.monotonic()) if doc.alive and at > doc.at]
                for pixel in set(doc.version.pixels) - self._began:
                    if any(self.truth.allowed(pixel.need, doc, at) for at in moments):
                        self._began.add(pixel)
        return self._began

    def _swept(self, name: str, owners: list[Pixel], shown: Doc, docs: list[Doc]) -> None:
        """On the next page what a pixel left is gone, unless it may run in a page that is open."""
        sent = [one for one in self.world.sent if one.host in VENDORS and one.doc is not shown]
        if any(one.at > shown.at for one in sent):
            return  # a library came late in another tab; the page after this one will tell
        now = time.monotonic()
        pixels = {pixel for doc in docs for pixel in doc.version.pixels} | set(owners)
        for pixel in pixels:
            may = any(self.truth.allowed(pixel.need, doc, now) for doc in docs)
            if may and _leaves(pixel, name):
                return
        raise Broken("rule 4", f"{name!r} is still stored on {shown.serial}, where it may not be")

    # The ledger: rule 4, and that an acknowledgement is a promise.

    def _ledger(self) -> None:
        world = self.world
        stored = {post.id: post.content for post in world.posted() if post.status == 201}
        if len(stored) == self._recorded:
            return
        self._recorded = len(stored)
        newest: dict[str, str] = {}
        for record in world.stage.service.records(world.key):
            visitor, id_ = str(record.visitor), str(record.id)
            previous = None if record.previous is None else str(record.previous)
            if previous != newest.get(visitor):
                raise Broken("rule 4", f"{id_} follows {previous}, not {newest.get(visitor)}")
            newest[visitor] = id_
            said = stored.pop(id_, None)
            if said is None:
                raise Broken("the ledger", f"record {id_} was never acknowledged")
            grants = msgspec.to_builtins(record.grants)
            if grants != said["grants"] or set(grants) != set(PURPOSES):
                raise Broken("rule 4", f"record {id_} states {grants}, and {said} was posted")
            if (record.action, record.version) != (said["action"], said["version"]):
                raise Broken("the ledger", f"record {id_} is {record}, and {said} was posted")
        if stored:
            raise Broken("the ledger", f"acknowledged and not there: {sorted(stored)}")

    def _acts_are_recorded(self, shown: Doc) -> None:
        """Once the service is there and a page was loaded, the visitor's last word is stored."""
        now = time.monotonic()
        newest = self.truth.newest(now)
        if newest and not newest.grants and newest.acknowledged is None:
            raise Broken("rule 4", f"{newest.kind} is nowhere in the ledger")
        if not shown.gpc or shown.place.opt_in or (newest and self.truth.stale(newest, shown, now)):
            return
        if newest is None or not newest.denies(Need(shown.version.gpc_refuses)):
            raise Broken("rule 5", f"the signal was not recorded; last act: {_said(newest)}")

    def _asked_rightly(self, shown: Doc) -> None:
        """No dialog asks back where the signal or a decision speaks; where none does, one asks."""
        now, asks = time.monotonic(), self.world.ask(ASKS)
        newest = self.truth.newest(now)
        counts = newest is not None and not self.truth.stale(newest, shown, now)
        if asks is None:
            return
        if shown.place.opt_in and not counts and not asks:
            raise Broken("rule 1", f"nobody asks, and what counts is not {_said(newest)}")
        if counts and asks and newest and newest.denies(Need(frozenset(PURPOSES))):
            raise Broken("rule 4", f"asked again after {_said(newest)}")
        signal = shown.gpc and (counts or (newest is None and not shown.place.opt_in))
        if signal and asks:
            raise Broken("rule 5", f"asked though the signal has spoken; last act: {_said(newest)}")


def _said(act: Act | None) -> str:
    if act is None:
        return "nothing"
    refused = f" without {sorted(act.refused)}" if act.refused else ""
    return f"{act.kind} granting {sorted(act.grants)}{refused}"


def _leaves(pixel: Pixel, name: str) -> bool:
    return any(
        name.startswith(trace[:-1]) if trace.endswith("*") else name == trace
        for trace in pixel.traces
    )


def _read(sent: Sent) -> Hit | None:
    """The hit in a request; None when it is none of a registered pixel."""
    parts = urlsplit(sent.url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    match parts.hostname, parts.path.split("/"):
        case "www.facebook.com", ["", "tr", ""]:
            id_, kind, event = query.get("id"), "meta", query.get("eid", "")
        case "www.google-analytics.com", ["", "g", "collect"]:
            id_, kind, event = query.get("tid"), "ga4", query.get("ep.transaction_id", "")
        case "googleads.g.doubleclick.net", ["", "pagead", "viewthroughconversion", number, ""]:
            id_, kind, event = f"AW-{number}", "remarketing", query.get("oid", "")
        case "www.googleadservices.com", ["", "pagead", "conversion", number, ""]:
            id_, kind, event = f"AW-{number}", "conversion", query.get("oid", "")
        case _:
            return None
    for pixel in sent.doc.version.pixels:
        if pixel.id == id_:
            signals = query.get("gcs", "")
            return Hit(sent.at, sent.doc, pixel, kind, event, sent.url, signals)
    return None
