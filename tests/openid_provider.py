"""A real OpenID provider on this machine: Canaille, from PyPI, with its users in memory.

Run as a program by ``started``, since it brings a whole application of its own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator

CLIENT_ID, CLIENT_SECRET = "pixelgate", "a secret of the client"
PASSWORD = "correct horse battery staple"
NAME = "ada"


@contextlib.contextmanager
def started(port: int, back: str, email: str, group: str) -> Iterator[str]:
    """The issuer's address, as long as it runs.

    Args:
        port: of 127.0.0.1, where it listens.
        back: where it may send browsers back to.
        email: of the one user.
        group: of which that user is a member.
    """
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(port), back, email, group]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate()


def _serve(port: int, back: str, email: str, group: str) -> None:
    from canaille import create_app
    from canaille.app import models
    from canaille.backends import Backend
    from joserfc.jwk import RSAKey
    from werkzeug.serving import make_server

    host = f"127.0.0.1:{port}"
    key = RSAKey.generate_key(2048, auto_kid=True)
    app = create_app(
        {
            "SECRET_KEY": "k" * 40,
            "SERVER_NAME": host,
            "PREFERRED_URL_SCHEME": "http",
            "WTF_CSRF_ENABLED": True,
            "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "HTMX": False},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        }
    )
    # it says of no address that it is verified unless told to
    app.config["CANAILLE_OIDC"]["USERINFO_MAPPING"]["EMAIL_VERIFIED"] = "true"
    with app.app_context():
        user = models.User(
            user_name=NAME,
            formatted_name="Ada Lovelace",
            family_name="Lovelace",
            emails=[email],
            password=PASSWORD,
        )
        client = models.Client(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            client_id_issued_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            client_name="Pixelgate",
            redirect_uris=[back],
            post_logout_redirect_uris=[f"{back.partition('/login')[0]}/login"],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "email", "profile", "groups"],
            token_endpoint_auth_method="client_secret_basic",
        )
        Backend.instance.save(user)
        Backend.instance.save(models.Group(display_name=group, members=[user]))
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)
    server = make_server("127.0.0.1", port, app, threaded=True)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), *sys.argv[2:])
