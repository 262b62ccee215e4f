"""Whether a port can be listened on, asked before anything is started."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from consent.errors import SettingsError

LOOPBACK = ("127.0.0.1", "::1")
"""Browsers try both for ``localhost``."""


def check_free(hosts: Sequence[str], port: int, *, name: str, way_out: str) -> None:
    """Nothing when ``port`` can be listened on at ``hosts``.

    Args:
        hosts: IP addresses; one that this machine lacks does not count if there is another.
        port: from 1 to 65535.
        name: what the operator calls the port.
        way_out: what the operator may type instead.

    Raises:
        SettingsError: the port is taken or is not for this user, or none of ``hosts`` is here.
    """
    missing = [host for host in hosts if not _is_here(host, port, name, way_out)]
    if len(missing) == len(hosts):
        listed = ", ".join(map(repr, missing))
        raise SettingsError(f"host: found {listed}; expected an address of this machine")


def _is_here(host: str, port: int, name: str, way_out: str) -> bool:
    """Whether this machine has ``host``; an error if it has, but the port is not to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise SettingsError(
                f"{name}: {port} is taken by another program or not allowed; "
                f"expected a free port, such as `{way_out}`"
            ) from error
        return False
    return True
