"""``consent receipt``: verifying a receipt file offline."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from consent import anchor as anchoring
from consent import evidence
from consent.cli import parts
from consent.web import verifier


@click.group()
def receipt() -> None:
    """Verify receipt files. Needs no database and no network."""


@receipt.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "keys", multiple=True, required=True, help=parts.KEY_HELP)
@click.option(
    "--tsa",
    "roots",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates (PEM) of a timestamp authority that is trusted. May be repeated.",
)
@parts.as_json
def verify(file: Path, keys: Sequence[str], roots: Sequence[Path], json_: bool) -> None:
    """Check FILE. Exits with 0 when all holds, 1 when something does not, 2 when it is no receipt.

    The key has to come from somewhere else than the file: from the service's /log/key, or from a
    copy of it that was kept.
    """
    read = evidence.read(file.read_bytes())
    known, trusted = parts.vkeys(keys), [path.read_bytes() for path in roots]
    checks = evidence.verify(read, known)
    unchecked = list(evidence.UNCHECKED)
    for anchor in read.anchors:
        found = anchoring.check(anchor, read.checkpoint, roots=trusted, keys=known)
        if found is None:
            unchecked.append(f"What {anchor.url} said of the checkpoint: --tsa or --key may tell.")
        else:
            checks.append(found)
    content = evidence.decision(read)
    holds = all(check.holds for check in checks)
    if json_:
        answer = {"holds": holds, "checks": [check._asdict() for check in checks]}
        parts.echo_json({**answer, "unchecked": unchecked})
        sys.exit(not holds)
    said = evidence.sentences(content) if content else []
    click.echo("VERIFIED" if holds else "NOT VERIFIED: do not rely on this file")
    for heading, lines in (
        ("What the file says", said),
        ("Checked", [f"{'holds' if c.holds else 'WRONG'}: {c.words}" for c in checks]),
        ("Not checked", unchecked),
    ):
        if lines:
            click.echo(f"\n{heading}")
        for line in lines:
            click.echo(f"  {line}")
    sys.exit(not holds)


@receipt.command()
@click.option("--key", "keys", multiple=True, required=True, help=parts.KEY_HELP)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
def page(keys: Sequence[str], out: Path | None) -> None:
    """Write the verifier page: one HTML file that checks receipt files without a network."""
    content = verifier.page(parts.vkeys(keys))
    if out is None:
        click.echo(content, nl=False)
    else:
        out.write_text(content, encoding="utf-8")
        click.echo(f"wrote {out}", err=True)
