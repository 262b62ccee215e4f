"""One place database, opened: which kind it is, how old, and what it says of an address."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import geoip2.database
import geoip2.errors
import geoip2.models

from consent import data
from consent.errors import DataError
from consent.geo import codes
from consent.geo.addresses import Address, parse
from consent.model import WITH_STATES, Place

_KINDS = ("City", "Country", "Enterprise")
_PROBES = tuple(
    address
    for text in (*(f"{number}.1.1.1" for number in range(1, 224)), "2001:200::1", "2a02::1")
    if (address := parse(text)) is not None
)
"""A few hundred look-ups through the whole tree, by which a damaged file shows itself."""


class Stamp(NamedTuple):
    """What tells one file at a path from the next, at the cost of one system call."""

    device: int
    inode: int
    changed_ns: int
    size: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """None when there is no file that can be looked at."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


class PlaceFile:
    """A GeoIP2, GeoLite2 or DB-IP file. It may be asked from several threads.

    Nobody has to close it: whoever asks holds it, so a replaced one is unmapped after the last.

    Args:
        path: the file.
        copied: read a copy of it that nobody else can write to. A mapped file that is overwritten
            in its place would end the process with SIGBUS.

    Raises:
        DataError: it is missing, is no MaxMind DB, is damaged, or holds no places.
    """

    def __init__(self, path: Path, *, copied: bool) -> None:
        self.path = path
        self._reader = _copied(path) if copied else _mapped(path)
        try:
            metadata = self._reader.metadata()
            self.kind = metadata.database_type
            self.built_at = dt.datetime.fromtimestamp(metadata.build_epoch, dt.UTC)
            self._ipv4_alone = metadata.ip_version == 4
            self._model = self._model_of(self.kind)
            for address in _PROBES:
                self.find(address)
        except DataError:
            self._reader.close()
            raise
        except Exception as error:
            self._reader.close()
            fault = f"is damaged ({type(error).__name__}); expected a whole MaxMind DB file"
            raise DataError(data.called(path), "", fault) from error

    def _model_of(self, kind: str) -> str:
        model = next((name for name in _KINDS if name in kind), None)
        if model is None:
            fault = f"a database of type {kind!r}; expected a City or a Country database"
            raise DataError(data.called(self.path), "", fault)
        return model.lower()

    def find(self, address: Address) -> tuple[str | None, str | None]:
        """Country and subdivision as the file has them, both None when it has none.

        Raises:
            Exception: of many kinds, when the file is damaged or closed.
        """
        if self._ipv4_alone and address.version != 4:
            return None, None
        try:
            found: geoip2.models.City | geoip2.models.Country
            found = getattr(self._reader, self._model)(address)
        except geoip2.errors.AddressNotFoundError:
            return None, None
        country = found.country.iso_code
        parts = found.subdivisions if isinstance(found, geoip2.models.City) else ()
        if country not in WITH_STATES or not parts:
            return country, None
        # DB-IP Lite has the names of states alone, in English.
        return country, parts[0].iso_code or parts[0].names.get("en")

    def place(self, address: Address) -> Place:
        """As ``find``, as a place."""
        return codes.place(*self.find(address), "database")

    def close(self) -> None:
        self._reader.close()


def _copied(path: Path) -> geoip2.database.Reader:
    try:
        with tempfile.NamedTemporaryFile(prefix="pixelgate-", suffix=".mmdb") as copy:
            with path.open("rb") as original:
                shutil.copyfileobj(original, copy, 1 << 20)
            copy.flush()
            return _mapped(Path(copy.name), name=data.called(path))
    except OSError:  # no file, or no room for a copy; in both cases the file itself decides
        return _mapped(path)


def _mapped(path: Path, *, name: str | None = None) -> geoip2.database.Reader:
    try:
        return geoip2.database.Reader(path, mode=geoip2.database.MODE_AUTO)
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it does not end as one"
        fault = f"cannot be opened ({why}); expected a MaxMind DB file"
        raise DataError(name or data.called(path), "", fault) from error
