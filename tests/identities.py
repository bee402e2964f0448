"""Keys and an issuer of tokens on this machine, for tests of logins that need no password."""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCE = "snowflakecomputing.com"


class KeyPair:
    """A private key as a PEM text, and the public half as CREATE USER takes it."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public = base64.b64encode(public).decode()

    def locked(self, passphrase: str) -> str:
        """The private key's PEM text, encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase.encode()),
        ).decode()


class Issuer:
    """What GitHub is for its workflows: it signs tokens, and publishes the keys that verify them."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._pair = KeyPair()

    def token(self, subject: str, audience: str = AUDIENCE, seconds: int = 300, **claims: Any) -> str:
        """A token as a workflow gets it."""
        now = int(time.time())
        content = {"iss": self.address, "sub": subject, "aud": audience, "iat": now, "exp": now + seconds, **claims}
        return jwt.encode(content, self._pair.key, algorithm="RS256", headers={"kid": "first"})

    def documents(self) -> dict[str, Any]:
        """What it publishes, by path."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._pair.key.public_key()))
        return {
            "/.well-known/openid-configuration": {"issuer": self.address, "jwks_uri": f"{self.address}/keys"},
            "/keys": {"keys": [{**key, "kid": "first", "alg": "RS256", "use": "sig"}]},
        }


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that answers as long as the context stands."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name of http.server
            document = issuer.documents().get(self.path)
            self.send_response(200 if document else 404)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
