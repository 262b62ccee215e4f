"""A real RFC 3161 authority (``openssl ts``) and a witness, each behind a small server."""

from __future__ import annotations

import base64
import datetime as dt
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from consent import merkle, notes
from consent.notes import Checkpoint, Note, Signature, Vkey
from consent.signing import LogKey

_CONFIG = """
[tsa]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
accuracy = secs:1
ordering = yes
ess_cert_id_alg = sha256
"""


class Server:
    """Answers posts with what ``answer`` makes of them; ``status`` breaks it."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                body = self.rfile.read(int(self.headers["content-length"]))
                status, content = outer.answer(self.path, body)
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        raise NotImplementedError

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class TimestampAuthority(Server):
    """Makes its own root and signing certificate in ``folder``; ``roots`` is the PEM to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _certificate("Test root", root_key, "Test root", root_key, ca=True)
        signer = _certificate("Test TSA", key, "Test root", root_key, ca=False)
        self.roots = root.public_bytes(serialization.Encoding.PEM)
        (folder / "signer.pem").write_bytes(signer.public_bytes(serialization.Encoding.PEM))
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / "key.pem").write_bytes(pem)
        (folder / "serial").write_text("01")
        (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))
        self.other: bytes | None = None
        super().__init__()

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self.other is not None:
            return self.status, self.other
        (self._folder / "query.tsq").write_bytes(body)
        command = "openssl ts -reply -section tsa -config tsa.cnf -queryfile query.tsq"
        command += " -inkey key.pem -signer signer.pem -out reply.tsr"
        subprocess.run(command.split(), cwd=self._folder, check=True, capture_output=True)
        return self.status, (self._folder / "reply.tsr").read_bytes()


class OneWitness(Server):
    """Cosigns what grew out of what it saw last, as C2SP tlog-witness says."""

    def __init__(self, log: Vkey) -> None:
        self._log, self._key = log, LogKey(b"w" * 32)
        self.key = Vkey("witness.example/w1", self._key.public, notes.COSIGNATURE)
        self.size, self.root = 0, merkle.EMPTY_ROOT
        super().__init__()

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        assert path == "/add-checkpoint"
        head, _, note_text = body.decode().partition("\n\n")
        old, *path_lines = head.split("\n")
        note = Note.parse(note_text)
        assert note.signers([self._log])
        checkpoint = Checkpoint.parse(note.text)
        if old != f"old {self.size}":
            return 409, f"{self.size}\n".encode()
        proof = list(map(base64.b64decode, path_lines))
        if not merkle.verify_consistency(
            self.size, checkpoint.size, self.root, checkpoint.root, proof
        ):
            return 422, b""
        self.size, self.root = checkpoint.size, checkpoint.root
        signed = f"cosignature/v1\ntime 1772447400\n{note.text}".encode()
        value = (1772447400).to_bytes(8) + self._key.sign(signed)
        return self.status, Signature(self.key.name, self.key.id_, value).line.encode()


def a_root() -> bytes:
    """The PEM of a root that has signed nothing."""
    key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Other root", key, "Other root", key, ca=True)
    return root.public_bytes(serialization.Encoding.PEM)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
) -> x509.Certificate:
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=not ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(named[0])
        .issuer_name(named[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=365 * 50))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(authority, critical=False)
    )
    if not ca:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(purpose, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())
