"""RFC 3161 timestamps: an authority's signed word on when a checkpoint was there. Pure.

Source: https://www.rfc-editor.org/rfc/rfc3161.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from consent.errors import RefusedError

QUERY_TYPE = "application/timestamp-query"
MOST_BYTES = 64 * 1024


def query(message: bytes) -> bytes:
    """What an authority is asked over the SHA-256 of ``message``, its certificate included."""
    builder = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256)
    return builder.nonce(nonce=True).cert_request(cert_request=True).build().as_bytes()


def stamped_at(answer: bytes, message: bytes, roots: Sequence[x509.Certificate]) -> dt.datetime:
    """When the authority says that ``message`` was there.

    Args:
        answer: as it came, DER.
        message: what the timestamp has to be over.
        roots: the authorities that are trusted.

    Raises:
        RefusedError: not a granted timestamp over this message under one of ``roots``.
    """
    if not roots or len(answer) > MOST_BYTES:
        raise _bad("too long an answer, or nobody to trust")
    builder = VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    try:
        response = decode_timestamp_response(answer)
        builder.build().verify_message(response, message)
        return response.tst_info.gen_time.astimezone(dt.UTC)
    except (ValueError, VerificationError) as error:
        raise _bad(str(error) or type(error).__name__) from error


def certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates in a PEM file.

    Raises:
        RefusedError: there is none, or one cannot be read.
    """
    try:
        return list(dict.fromkeys(x509.load_pem_x509_certificates(pem)))
    except ValueError as error:
        raise RefusedError(
            "malformed_certificates", f"certificates: {error}; expected a PEM file"
        ) from error


def _bad(found: str) -> RefusedError:
    return RefusedError(
        "bad_timestamp", f"timestamp: {found}; expected one over this checkpoint by who is trusted"
    )
