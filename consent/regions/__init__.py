"""The law as data: which regime applies to a place on a day, and why.

The law stands in ``consent/regimes/*.toml`` and ``groups.toml``; the README.md there tells a lawyer
what each key means. Resolution is pure: the same place, day and rules give the same answer, and it
never fails, because a place that nobody knows gets the strictest regime.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import babel

from consent import data
from consent.errors import NotFoundError
from consent.model import Place, Regime, RegionRule, Resolution, Rules
from consent.regions import files
from consent.regions import rules as ruling
from consent.regions.rules import Loosening, Settled
from consent.regions.zones import Days, Zones

_REMEMBERED = 20_000
_NO_RULES = Rules()
_NOBODY_KNOWS = "the country is not known, so the strictest rules apply"


class Regions:
    """Every regime, and which place gets which. Make one with ``Regions.load``."""

    def __init__(self, read: files.Read) -> None:
        self._files = read.regimes
        self._groups = read.groups
        self._treated_as = read.treated_as
        self._days = Days(Zones(read.zones), self._codes)
        self._names = {code: alias.name for code, alias in read.treated_as.items()}
        for file in read.regimes.values():
            self._names |= {code: own.name for code, own in file.places.items() if own.name}
        self._claims: dict[str, list[files.Claim]] = {}
        for claim in files.claims(read.regimes):
            self._claims.setdefault(claim.key, []).append(claim)
        self._fallback = self._claims["*"][0].regime
        self._built: dict[tuple[str, str | None, bool, bool], Regime] = {}
        self._keys: dict[tuple[str | None, str | None], tuple[str, ...]] = {}
        self._found: dict[tuple[str | None, str | None, dt.date], Resolution] = {}
        self._ruled_found: dict[tuple[Rules, str | None, str | None, dt.date], Resolution] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> Regions:
        """The regimes in ``path``, or the shipped ones.

        Raises:
            DataErrors: with every fault in every file, each as ``file: key: fault``.
        """
        return cls(files.read(path or data.folder("regimes")))

    @property
    def ids(self) -> tuple[str, ...]:
        """Every regime's id: its file's name without ``.toml``, in alphabetical order."""
        return tuple(sorted(self._files))

    @property
    def groups(self) -> Mapping[str, frozenset[str]]:
        """The codes in each group, the largest group first."""
        return dict(sorted(self._groups.items(), key=lambda one: (-len(one[1]), one[0])))

    @property
    def subdivisions(self) -> tuple[str, ...]:
        """Every state and province that a group names, in alphabetical order."""
        members = {code for group in self._groups.values() for code in group if "-" in code}
        return tuple(sorted(members))

    @cached_property
    def every_place(self) -> tuple[Place, ...]:
        """Every country, then every state and province that a group names."""
        countries = sorted(
            code for code in map(str, babel.Locale("en").territories) if _is_country(code)
        )
        parts = (Place(code[:2], code) for code in self.subdivisions)
        return (*map(Place, countries), *parts)

    def places(self, rules: Rules) -> Iterator[Place]:
        """The places that ``rules`` speak for, those that they name first."""
        keys = {key for _, layer in rules.layers for key in layer}
        named = {key: Place(key[:2], key if "-" in key else None) for key in keys if key[0] != "@"}
        named.pop("*", None)
        yield from named.values()
        for place in self.every_place:
            if place.code not in named and not keys.isdisjoint(self._rule_keys(place)):
                yield place

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code that a file names, groups opened up, in alphabetical order.

        Pseudo codes, which stand for a place that is not known, are among them; groups are not.
        """
        named = {*self.subdivisions, *self._treated_as, *files.PSEUDO_CODES}
        named |= {code for members in self._groups.values() for code in members}
        named |= {key for key in self._claims if files.is_code(key)}
        return tuple(sorted(named))

    @cached_property
    def days_of_change(self) -> tuple[dt.date, ...]:
        """Every day on which some rule begins or has ended, earliest first."""
        found: set[dt.date | None] = set()
        for file in self._files.values():
            found |= {file.from_, file.until, file.gpc.since}
            for own in file.places.values():
                found |= {own.from_, own.until, own.gpc.since if own.gpc else None}
        return tuple(sorted(day for day in found if day is not None))

    def keys(self, place: Place) -> tuple[str, ...]:
        """What a rule that reaches ``place`` may be called, most specific first; ``*`` is the last.

        Empty for a place that is not known: no rule reaches it.
        """
        return self._rule_keys(place)

    @cached_property
    def least_kept(self) -> tuple[tuple[int, str], ...]:
        """The days for which records have to be kept wherever a visitor may come from, each with
        who says so: until the visitor is asked again, and as long as a law wants them logged.
        """
        return tuple(self._least_kept())

    def _least_kept(self) -> Iterator[tuple[int, str]]:
        for id_, file in sorted(self._files.items()):
            own = [place.ask_again for place in file.places.values()]
            days = [file.ask_again.accept_days, file.ask_again.refuse_days]
            days += [one.accept_days or 0 for one in own] + [one.refuse_days or 0 for one in own]
            yield max(days), f"an answer under {id_} holds for so long"
            if file.records is not None:
                yield file.records.days, f"{file.records.law} ({id_}) wants it logged for so long"

    @property
    def strictest(self) -> Regime:
        """The regime of a place that nobody knows."""
        return self._regime(self._fallback, None, dt.date.max)

    def regime(self, id_: str, place: Place, *, on: dt.date) -> Regime:
        """The regime ``id_`` as it reads for ``place`` on ``on``, whether or not it applies there.

        Raises:
            NotFoundError: there is no such regime; the message lists those there are.
        """
        if id_ not in self._files:
            raise NotFoundError("unknown_regime", f"{id_!r}; known are {', '.join(self.ids)}")
        return self._regime(id_, self._table(id_, self._codes(place), on), on)

    def unverified(self, id_: str, place: Place, *, on: dt.date) -> tuple[str, ...]:
        """What of the regime ``id_``, as it reads for ``place``, a lawyer has still to check.

        ``law`` is the model and the law, ``treated_as`` that the place has another country's;
        ``gpc``, ``ask_again`` and ``own_statistics`` are those tables of the file.
        """
        codes = self._codes(place)
        file = self._files[id_]
        own = file.places.get(self._table(id_, codes, on) or "", files.NO_TABLE)
        ask, days = own.ask_again, (own.ask_again.accept_days, own.ask_again.refuse_days)
        exemption = own.own_statistics or file.own_statistics
        alias = self._treated_as.get(place.country or "")
        found = {
            "law": own.confidence or file.confidence,
            "treated_as": alias.confidence if alias is not None else "verified",
            "gpc": (own.gpc or file.gpc).confidence,
            "ask_again": (ask if any(days) else file.ask_again).confidence,
            "own_statistics": exemption.confidence if exemption is not None else "verified",
        }
        return tuple(name for name, confidence in found.items() if confidence == "unverified")

    def name(self, code: str) -> str:
        """What people call the place, in English, as the files say; else its code."""
        if code in self._names or not files.is_code(code):
            return self._names.get(code, code)
        return babel.Locale("en").territories.get(code) or code

    def faults(self, rules: Mapping[str, RegionRule]) -> list[str]:
        """What is wrong with a store's region rules, each as ``key: found; accepted``."""
        found = []
        for key, rule in rules.items():
            if key.startswith("@") and key[1:] not in self._groups:
                known = ", ".join(f"@{name}" for name in sorted(self._groups))
                found.append(f"regions.{key}: no such group; known are {known}")
            elif key[:1] not in ("@", "*") and not files.is_code(key):
                accepted = "a code such as DE or US-CA, a group such as @eea, or *"
                found.append(f"regions.{key}: not a place; expected {accepted}")
            elif key[:1] not in ("@", "*") and not files.is_known(key, self._groups):
                found.append(f"regions.{key}: {files.unknown_part(key)}")
            if rule.regime and rule.regime not in self._files:
                known = ", ".join(self.ids)
                found.append(f"regions.{key}.regime: found {rule.regime!r}; known are {known}")
            found += [f"regions.{key}.{fault}" for fault in ruling.faults(rule)]
        return found

    def day(self, place: Place, at: dt.datetime) -> dt.date:
        """The day that it is at ``place`` at the moment ``at``, by which its law begins and ends.

        Where a place has several time zones, and for the United States with the state unknown, a
        day begins when it begins in the first of them: a law that begins is as a rule stricter
        than what was before. In UTC for a place that is not known, whose rules have no first day.

        Args:
            place: where the visitor is, as far as known.
            at: an aware moment.

        Source: consent/regimes/README.md, "When a law begins".
        """
        return self._days.day(place, at)

    def resolve(
        self, place: Place, *, on: dt.date, rules: Rules | Mapping[str, RegionRule] = _NO_RULES
    ) -> Resolution:
        """What holds for a visitor at ``place`` on ``on``, and why.

        The most specific wins: the subdivision, a group with it, the country, a group with it,
        ``*``; each field of a rule by itself, first among the store's rules, then among its
        template's, then among the shipped files. No rule reaches a visitor whose country is not
        known: such a visitor always gets the strictest regime. A rule that asks less than the
        shipped regime holds only with a reason and an approval.

        Args:
            place: where the visitor is, as far as known.
            on: the day at the place, as ``day`` gives it, since laws have a first day.
            rules: ``Version.rules``: regimes by code (``US-CA``, ``DE``), group (``@eea``) or
                ``*``. A mapping means a store's own, without a template.

        Returns:
            Never None and never an error: a rule that names no known regime gives the strictest.

        Source: consent/regimes/README.md, "How a place finds its rules".
        """
        if rules:
            if not isinstance(rules, Rules):
                return self._ruled(place, on, Rules(rules))
            known = (rules, place.country, place.subdivision, on)
            ruled = self._ruled_found.get(known)
            if ruled is None:
                if len(self._ruled_found) >= _REMEMBERED:
                    self._ruled_found.clear()
                ruled = self._ruled_found[known] = self._ruled(place, on, rules)
            return ruled
        asked = (place.country, place.subdivision, on)
        found = self._found.get(asked)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[asked] = self._shipped(place, on)
        return found

    def loosened(self, place: Place, *, on: dt.date, rules: Rules) -> tuple[Loosening, ...]:
        """Each field of a rule that asks less than what is shipped for ``place``, approved or not.

        A rule that stands behind one that holds is not looked at.
        """
        return self._settled(place, on, rules).loosened

    def _settled(self, place: Place, on: dt.date, rules: Rules) -> Settled:
        def read(id_: str) -> Regime | None:
            return self.regime(id_, place, on=on) if id_ in self._files else None

        stated = ruling.speaking(rules, self._rule_keys(place), on)
        shipped = self.resolve(place, on=on).regime
        return ruling.settle(stated, shipped, read=read, strictest=self.strictest)

    def _ruled(self, place: Place, on: dt.date, rules: Rules) -> Resolution:
        shipped = self.resolve(place, on=on)
        found = self._settled(place, on, rules)
        if not found.given and not found.loosened:
            return shipped
        return Resolution(
            regime=found.regime.sealed(),
            matched=found.matched or shipped.matched,
            why=ruling.why(place.code, found, shipped),
            layout=found.layout,
            purposes=found.purposes,
            pixels=found.pixels,
            own_statistics=found.own_statistics,
            given=tuple((field, stated.called) for field, stated in found.given),
        )

    def _shipped(self, place: Place, on: dt.date) -> Resolution:
        codes = self._codes(place)
        if not codes:
            return Resolution(self.strictest, "*", f"{place.code or 'no place'}: {_NOBODY_KNOWS}")
        claim = next(
            claim
            for key in self._rule_keys(place)
            for claim in self._claims.get(key, ())
            if on in claim.days
        )
        table = self._table(claim.regime, codes, on)
        regime = self._regime(claim.regime, table, on)
        return Resolution(regime, claim.key, f"{place.code}: {self._why(codes, claim, table, on)}")

    def _why(self, codes: Sequence[str], claim: files.Claim, table: str | None, on: dt.date) -> str:
        file = self._files[claim.regime]
        own = file.places.get(table or "", files.NO_TABLE)
        here = table or next((code for code in codes if code in self._names), codes[-1])
        start = own.from_ or file.from_
        why = (own.why or file.why).format_map(
            {
                "place": self.name(here),
                "law": (own.law + file.law or ruling.NO_LAW)[0],
                "from": start.isoformat() if start else "its first day",
            }
        )
        for code in codes:
            alias = self._treated_as.get(code)
            if alias is not None and here == alias.as_:
                doubt = "" if alias.confidence == "verified" else ", unverified"
                why = f"{alias.name} is treated as {alias.as_} ({alias.why}{doubt}); {why}"
        coming = [later for later in self._claims.get(codes[0], ()) if later.days.first > on]
        if coming:
            first = min(coming, key=lambda later: later.days.first)
            why = f"{why}; its own law begins on {first.days.first.isoformat()} ({first.regime})"
        return why

    def _codes(self, place: Place) -> tuple[str, ...]:
        """The place's codes, most exact first; none when it says nothing or contradicts itself."""
        country, subdivision = place.country, place.subdivision
        if country is None or "-" in country or not files.is_code(country):
            return ()
        alias = self._treated_as.get(country)
        codes = (country,) if alias is None else (country, alias.as_)
        if subdivision is None:
            return codes
        if not files.is_code(subdivision) or not subdivision.startswith(f"{country}-"):
            return ()
        return (subdivision, *codes)

    def _rule_keys(self, place: Place) -> tuple[str, ...]:
        """What a rule for this place may be called, most specific first; none if it is unknown."""
        asked = (place.country, place.subdivision)
        keys = self._keys.get(asked)
        if keys is None:
            if len(self._keys) >= _REMEMBERED:
                self._keys.clear()
            found: list[str] = []
            for code in self._codes(place):
                inside = [name for name, members in self._groups.items() if code in members]
                inside.sort(key=lambda name: (len(self._groups[name]), name))
                found += [code, *(f"@{name}" for name in inside)]
            keys = self._keys[asked] = (*found, "*") if found else ()
        return keys

    def _table(self, id_: str, codes: Sequence[str], on: dt.date) -> str | None:
        """The code whose table in the regime's file speaks for the place on that day."""
        file = self._files[id_]
        return next((code for code in codes if code in file.places and on in file.days(code)), None)

    def _regime(self, id_: str, table: str | None, on: dt.date) -> Regime:
        file = self._files[id_]
        own = file.places.get(table or "", files.NO_TABLE)
        gpc = own.gpc or file.gpc
        exemption = own.own_statistics or file.own_statistics
        binding = gpc.since is None or on >= gpc.since
        exempt = exemption is not None and (exemption.since is None or on >= exemption.since)
        built = self._built.get((id_, table, binding, exempt))
        if built is None:
            fields: dict[str, Any] = {
                "id": id_,
                "name": file.name,
                "model": file.model,
                "law": own.law + file.law or ruling.NO_LAW,
                "source": own.source or file.source,
                "reviewed": own.reviewed or file.reviewed,
                "confidence": own.confidence or file.confidence,
                "gpc_duty": gpc.duty if binding else "none",
                "gpc_overrides_choice": file.gpc.overrides_choice,
                "duties": tuple(dict.fromkeys(file.banner.duties + own.duties)),
                "accept_days": own.ask_again.accept_days or file.ask_again.accept_days,
                "refuse_days": own.ask_again.refuse_days or file.ask_again.refuse_days,
                "google_advanced": file.google_advanced,
                "automatic_collection": file.automatic_collection,
                "own_statistics": exemption if exempt else None,
            }
            built = self._built[id_, table, binding, exempt] = Regime(**fields, sha256="").sealed()
        return built


def _is_country(code: str) -> bool:
    return "-" not in code and files.is_code(code)
