"""How to log in: the only place that turns settings and variables into the connector's parameters.

Knows the variables that the Snowflake provider, the `snow` command and this command read (SNOWFLAKE_*), and the three
ways to log in: a key pair for people, workload identity for CI, a password for the sandbox. Must not know where
variables come from, nor open a connection.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from jobgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_PAIR, WORKLOAD_IDENTITY = "SNOWFLAKE_JWT", "WORKLOAD_IDENTITY"
# The only identity provider that needs just a token: GitHub Actions and others that support OpenID Connect.
OIDC = "OIDC"
# Variable -> the connector's parameter. If two set the same parameter, the later one has precedence.
VARIABLES = {
    "SNOWFLAKE_ACCOUNT": "account",
    "SNOWFLAKE_HOST": "host",
    "SNOWFLAKE_PORT": "port",
    "SNOWFLAKE_PROTOCOL": "protocol",
    "SNOWFLAKE_USER": "user",
    "SNOWFLAKE_PASSWORD": "password",
    "SNOWFLAKE_TOKEN": "token",
    "SNOWFLAKE_TOKEN_FILE_PATH": "token_file_path",
    "SNOWFLAKE_PRIVATE_KEY": "private_key",
    "SNOWFLAKE_PRIVATE_KEY_FILE": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_PATH": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_FILE_PWD": "private_key_file_pwd",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "private_key_file_pwd",
    "SNOWFLAKE_AUTHENTICATOR": "authenticator",
    "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "workload_identity_provider",
    "SNOWFLAKE_ROLE": "role",
    "SNOWFLAKE_WAREHOUSE": "warehouse",
    "SNOWFLAKE_DATABASE": "database",
    "SNOWFLAKE_SCHEMA": "schema",
}


def from_variables(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the connector's parameters from SNOWFLAKE_* variables; empty if these name no server.

    A private key is PEM text (SNOWFLAKE_PRIVATE_KEY) or a file; the text has precedence.

    Raises:
        UsageError: the key cannot be read, or its passphrase is wrong.
    """
    options: dict[str, Any] = {key: environment[name] for name, key in VARIABLES.items() if environment.get(name)}
    organization, account = environment.get("SNOWFLAKE_ORGANIZATION_NAME"), environment.get("SNOWFLAKE_ACCOUNT_NAME")
    if organization and account:
        options.setdefault("account", f"{organization}-{account}")
    if "account" not in options:
        return {}
    if "private_key" in options:
        options.pop("private_key_file", None)
        options["private_key"] = der(options["private_key"], options.pop("private_key_file_pwd", None))
    if options.keys() & {"private_key", "private_key_file"} and "password" not in options:
        options.setdefault("authenticator", KEY_PAIR)
    if str(options.get("authenticator", "")).upper() == WORKLOAD_IDENTITY:
        options.setdefault("workload_identity_provider", OIDC)
    return options


def der(pem: str, passphrase: str | None) -> bytes:
    """Return a private key from PEM text in the connector's format: unencrypted PKCS #8 in DER.

    Raises:
        UsageError: the text is not a private key, or its passphrase is wrong. The message never contains the key.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  # slow, and only key pairs need it

    try:
        key = serialization.load_pem_private_key(pem.encode(), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError) as error:
        raise UsageError(
            "SNOWFLAKE_PRIVATE_KEY is no private key that can be read",
            cause="It has to be the text of a PEM file, lines and all, and SNOWFLAKE_PRIVATE_KEY_PASSPHRASE its"
            " passphrase, if it has one.",
            remedy='Set it from the file: export SNOWFLAKE_PRIVATE_KEY="$(cat rsa_key.p8)"; or name the file in'
            " SNOWFLAKE_PRIVATE_KEY_FILE.",
        ) from error
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def way(options: Mapping[str, Any]) -> str:
    """Return a description of how a login with these parameters authenticates."""
    authenticator = str(options.get("authenticator", "")).upper()
    if authenticator == WORKLOAD_IDENTITY:
        return f"workload identity ({options.get('workload_identity_provider', OIDC)})"
    if authenticator == KEY_PAIR or options.keys() & {"private_key", "private_key_file"}:
        return "key pair"
    if authenticator == "OAUTH":
        return "OAuth token"
    if authenticator == "EXTERNALBROWSER":
        return "browser"
    if authenticator == "PROGRAMMATIC_ACCESS_TOKEN":
        return "programmatic access token"
    return "password" if options.get("password") else "nothing"


def address(options: Mapping[str, Any]) -> str:
    """Return host and port of the server, for messages."""
    host = options.get("host") or f"{options.get('account', '?')}.snowflakecomputing.com"
    return f"{host}:{options['port']}" if options.get("port") else str(host)


def is_local(options: Mapping[str, Any]) -> bool:
    """Return whether the server is on this machine, as the sandbox is."""
    host = str(options.get("host", ""))
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
