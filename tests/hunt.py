"""``python -m tests.hunt SECONDS [NAME ...]``: hunts in the parsers of tests/outside.py.

atheris follows their branches; it has to be installed by hand: ``pip install atheris``.
"""

from __future__ import annotations

import sys
import time

import atheris

with atheris.instrument_imports(include=["consent"]):
    from tests.outside import PARSERS, folder


def main() -> None:
    seconds, names = int(sys.argv[1]), sys.argv[2:] or list(PARSERS)
    corpus = folder() / "corpus"
    corpus.mkdir()
    for name in names:
        for index, content in enumerate(PARSERS[name].seeds):
            (corpus / f"{name}-{index}").write_bytes(content)
    ends_at = time.monotonic() + seconds

    def one(content: bytes) -> None:
        if time.monotonic() > ends_at:
            raise SystemExit(0)
        for name in names:
            PARSERS[name].feed(content)

    atheris.Setup([sys.argv[0], str(corpus), "-max_len=4096", "-timeout=20"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
