"""``python -m tests.hunt SECONDS [NAME ...]``: hunts in the parsers of tests/outside.py.

atheris follows their branches. ``make fuzz`` installs it and hunts in each for a while. What a
parser should not raise ends the hunt with a status other than 0, and is kept below ``build``.
"""

from __future__ import annotations

import sys
from pathlib import Path

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
    findings = Path("build")
    findings.mkdir(exist_ok=True)

    def one(content: bytes) -> None:
        for name in names:
            PARSERS[name].feed(content)

    bounds = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(corpus), *bounds, f"-artifact_prefix={findings}/"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
