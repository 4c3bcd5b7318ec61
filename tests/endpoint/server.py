"""A small HTTP server that answers as badly as it is asked to, for tests of whoever asks it."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import ipaddress
import itertools
import json
import ssl
import threading
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path


class Server(http.server.ThreadingHTTPServer):
    """What it was asked, and how it is to behave."""

    daemon_threads = True

    def __init__(self, **answers):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        """Path without its slash, `_` for further ones -> callable(handler, body)."""
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        self.released = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self):
        self.connections += 1
        return super().get_request()

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is what some tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        name = self.path.partition("?")[0].strip("/").replace("/", "_") or "root"
        answer = self.server.answers.get(name) or self.server.answers["other"]
        answer(self, body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names that the base class calls

    def log_message(self, *words):
        """Silent."""

    def give(self, document, status=200, **headers):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def says(*documents, status=200, **headers):
    """Each of the documents in turn, round and round."""
    turn = itertools.cycle(documents)
    lock = threading.Lock()

    def answer(handler, _):
        with lock:
            document = next(turn)
        handler.give(document, status, **headers)

    return answer


def hang(handler, _):
    """Takes the request, and never answers."""
    handler.server.released.wait(30)


def drip(handler, _):
    """A byte now and then, for ever: each read succeeds."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.server.released.wait(0.05):
        handler.wfile.write(b"x")


def cut(handler, _):
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"half": ')
    handler.close_connection = True


def no_http(handler, _):
    handler.wfile.write(b"220 mail.example.com ESMTP\r\n")
    handler.close_connection = True


def huge(handler, _):
    handler.give(b'{"a": "' + b"x" * (2 * 1024 * 1024) + b'"}')


@contextlib.contextmanager
def serving(*, certificate: tuple[Path, Path] | None = None, **answers):
    server = Server(**answers)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{host}.crt", folder / f"{host}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
