"""Logins without a password: with key pairs, and with tokens of an OpenID Connect issuer (workload identity).

Knows the required content of a token and its verification; must not know sessions. Pages: docs.snowflake.com/en/
user-guide/key-pair-auth, .../workload-identity-federation. Keys are only fetched from issuers on this machine: the
sandbox connects to no other host.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import jwt
from cryptography.hazmat.primitives import serialization

from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from snowflake_sandbox.statements.reader import Reader

# The `aud` that Snowflake expects unless the user has other audiences.
AUDIENCE = "snowflakecomputing.com"
# Clocks may differ by 60 seconds (docs.snowflake.com/en/user-guide/key-pair-auth-troubleshooting); a token signed with
# a key pair is valid for an hour at most.
_LEEWAY, _LONGEST = 60, 3600
_ISSUER_SECONDS = 5


@dataclass(frozen=True)
class WorkloadIdentity:
    """The issuer and subject of a user's tokens: WORKLOAD_IDENTITY of CREATE USER, with TYPE = OIDC."""

    issuer: str
    subject: str
    audiences: tuple[str, ...] = (AUDIENCE,)

    def text(self) -> str:
        """Return the text that the user's property stores."""
        return json.dumps(asdict(self))

    @staticmethod
    def of(text: str | None) -> WorkloadIdentity | None:
        """Read the text of a user's property."""
        if not text:
            return None
        entries = json.loads(text)
        return WorkloadIdentity(entries["issuer"], entries["subject"], tuple(entries["audiences"]))


def read_workload_identity(reader: Reader) -> str:
    """Read `(TYPE = OIDC ISSUER = '…' SUBJECT = '…' [OIDC_AUDIENCE_LIST = ('…')])`, beginning at the parenthesis."""
    from snowflake_sandbox.statements.reader import Reader as Inside  # noqa: PLC0415  # circular import otherwise

    inside = Inside(reader.parenthesized())
    entries: dict[str, Any] = {}
    while not inside.at_end:
        name = inside.word().upper()
        inside.accept("=")
        if name == "OIDC_AUDIENCE_LIST":
            listed = Inside(inside.parenthesized())
            audiences = [listed.string()]
            while listed.accept(","):
                audiences.append(listed.string())
            entries[name] = audiences
        else:
            entries[name] = inside.word()
        inside.accept(",")
    if str(entries.get("TYPE", "")).upper() != "OIDC" or not entries.keys() >= {"ISSUER", "SUBJECT"}:
        raise SnowflakeError(
            1422,
            "22023",
            "SQL compilation error:\ninvalid value for property 'WORKLOAD_IDENTITY': the sandbox takes"
            " TYPE = OIDC with ISSUER and SUBJECT.",
        )
    accepted = tuple(entries.get("OIDC_AUDIENCE_LIST", (AUDIENCE,)))
    return WorkloadIdentity(entries["ISSUER"], entries["SUBJECT"], accepted).text()


def fingerprint(public_key: str) -> str:
    """Return `SHA256:…` of a public key as in RSA_PUBLIC_KEY: base64 of its DER, possibly between the lines of PEM.

    Raises:
        SnowflakeError: 002079 if it is not a public key.
    """
    der = _key(public_key).public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"SHA256:{base64.b64encode(hashlib.sha256(der).digest()).decode()}"


def _key(public_key: str) -> Any:
    body = "".join(line for line in public_key.split("\n") if "PUBLIC KEY" not in line)
    try:
        return serialization.load_der_public_key(base64.b64decode(body, validate=False))
    except ValueError as error:
        raise SnowflakeError(
            2079,
            "22023",
            "SQL compilation error:\nNew public key rejected by current policy. Reason: 'Invalid public key'",
        ) from error


def check_key_pair(token: str, account: str, user: str, keys: Iterable[str | None], now: datetime) -> None:
    """Check a token that a client signed with its private key.

    Raises:
        SnowflakeError: 390144 if the token is invalid for any reason.
    """
    for key in filter(None, keys):
        print_of_key = fingerprint(key)
        subject = f"{account}.{user}"
        try:
            claims = _decoded(token, _key(key), issuer=f"{subject}.{print_of_key}")
        except jwt.InvalidTokenError:
            continue
        issued, expires = float(claims["iat"]), float(claims["exp"])
        in_time = issued - _LEEWAY <= now.timestamp() <= expires + _LEEWAY
        if claims.get("sub") == subject and in_time and expires - issued <= _LONGEST:
            return
    raise SnowflakeError(390144, "08001", "JWT token is invalid.")


def subject_of(token: str) -> tuple[str, str]:
    """Return the issuer and subject in a token, unverified.

    Raises:
        SnowflakeError: 390144 if it is not a token.
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise refused_identity("the token cannot be read") from error
    return str(claims.get("iss", "")), str(claims.get("sub", ""))


def check_identity(token: str, identity: WorkloadIdentity, now: datetime) -> None:
    """Check an issuer's token against its published keys.

    Raises:
        SnowflakeError: 390144 with the reason.
    """
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        key = next((key.key for key in _published(identity.issuer) if key.key_id == key_id), None)
        if key is None:
            raise refused_identity("its issuer has not published the key that signed it")
        claims = _decoded(token, key, issuer=identity.issuer, audience=list(identity.audiences))
    except jwt.PyJWTError as error:
        raise refused_identity(str(error)) from error
    if not float(claims["iat"]) - _LEEWAY <= now.timestamp() <= float(claims["exp"]) + _LEEWAY:
        raise refused_identity("it has expired")


def refused_identity(reason: str) -> SnowflakeError:
    """Return the error for a workload's invalid token; the number and the text are guesses."""
    return SnowflakeError(390144, "08001", f"Authentication token of the workload identity is not valid: {reason}.")


def _decoded(token: str, key: Any, **expected: Any) -> Mapping[str, Any]:
    # times are compared with the sandbox's clock, which tests move
    options: Any = {
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "require": ["exp", "iat", "iss", "sub"],
    }
    claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=["RS256", "ES256"], options=options, **expected)
    return claims


def _published(issuer: str) -> list[Any]:
    where = urlsplit(issuer)
    if where.hostname not in {"127.0.0.1", "localhost"} or where.scheme not in {"http", "https"}:
        raise refused_identity(f"the sandbox contacts no issuer outside this machine ({issuer})")
    configuration = _fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    keys = str(configuration.get("jwks_uri", ""))
    if urlsplit(keys).hostname != where.hostname:
        raise refused_identity("its issuer's keys are on another host")
    return list(jwt.PyJWKSet.from_dict(_fetched(keys)).keys)


def _fetched(address: str) -> dict[str, Any]:
    try:
        with urlopen(address, timeout=_ISSUER_SECONDS) as answer:  # noqa: S310  # scheme and host are checked above
            content: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as error:
        raise refused_identity(f"its issuer does not answer at {address}") from error
    return content
