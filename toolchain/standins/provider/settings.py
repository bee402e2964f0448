"""Provider configuration: turns the stack's `snowflake:` settings and SNOWFLAKE_* into the connector's parameters.

Knows the names on both sides. Must not open connections; the environment is passed as an argument.
"""

import difflib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TEXTS = {
    "organizationName": "SNOWFLAKE_ORGANIZATION_NAME",
    "accountName": "SNOWFLAKE_ACCOUNT_NAME",
    "host": "SNOWFLAKE_HOST",
    "port": "SNOWFLAKE_PORT",
    "protocol": "SNOWFLAKE_PROTOCOL",
    "user": "SNOWFLAKE_USER",
    "password": "SNOWFLAKE_PASSWORD",
    "token": "SNOWFLAKE_TOKEN",
    "privateKey": "SNOWFLAKE_PRIVATE_KEY",
    "privateKeyPassphrase": "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
    "authenticator": "SNOWFLAKE_AUTHENTICATOR",
    "workloadIdentityProvider": "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER",
    "role": "SNOWFLAKE_ROLE",
    "warehouse": "SNOWFLAKE_WAREHOUSE",
}
# the official plugin's settings; it refuses any other name, so that no setting is silently ignored
_KEYS = (
    "account accountName authenticator certRevocationCheckMode clientIp clientRequestMfaToken "
    "clientStoreTemporaryCredential clientTimeout crlAllowCertificatesWithoutCrlUrl crlHttpClientTimeout "
    "crlInMemoryCacheDisabled crlOnDiskCacheDisabled disableConsoleLogin disableOcspChecks "
    "disableQueryContextCache disableSamlUrlCheck disableTelemetry driverTracing enableSingleUseRefreshTokens "
    "experimentalFeaturesDisableds experimentalFeaturesEnableds externalBrowserTimeout host includeRetryReason "
    "insecureMode jwtClientTimeout jwtExpireTimeout keepSessionAlive logQueryParameters logQueryText loginTimeout "
    "maxRetryCount noProxy oauthAuthorizationUrl oauthClientId oauthClientSecret oauthRedirectUri oauthScope "
    "oauthTokenRequestUrl ocspFailOpen oktaUrl organizationName params passcode passcodeInPassword password port "
    "previewFeaturesEnabled privateKey privateKeyPassphrase profile protocol proxyHost proxyPassword proxyPort "
    "proxyProtocol proxyUser requestTimeout role skipTomlFilePermissionVerification tfcWorkloadIdentityTokenTag "
    "tmpDirectoryPath token tokenAccessor useLegacyTomlFile user validateDefaultParameters warehouse "
    "workloadIdentityEntraResource workloadIdentityProvider"
)
_SETTING_NAMES = frozenset(_KEYS.split())
# The experimental features of terraform-provider-snowflake 2.20, which refuses any other name. None of them changes
# what is sent here: the stand-in only checks their names.
_EXPERIMENTS = frozenset(
    {
        "ACCOUNT_ROLE_SHOW_CACHING",
        "AUTHENTICATOR_EXPLICIT_ONLY",
        "GRANTS_IMPORT_VALIDATION",
        "GRANTS_SAFE_DESTROY",
        "GRANTS_SHOW_CACHING",
        "GRANTS_STRICT_PRIVILEGE_MANAGEMENT",
        "GRANT_ACCOUNT_ROLE_SAFE_PUBLIC_ROLE",
        "GRANT_ACCOUNT_ROLE_SHOW_CACHING",
        "HIERARCHY_RENAMES",
        "IMPORT_BOOLEAN_DEFAULT",
        "INHERITED_GRANTS",
        "OBJECT_PARAMETER_UNSET_ON_DELETE",
        "PARAMETERS_IGNORE_VALUE_CHANGES_IF_NOT_ON_OBJECT_LEVEL",
        "PARAMETERS_REDUCED_OUTPUT",
        "PROVIDER_CONFIGURATION_ACCOUNT_FALLBACK",
        "TAGS_ALLOW_EMPTY_ALLOWED_VALUES",
        "TAG_ASSOCIATION_SAFE_DESTROY",
        "USER_ENABLE_DEFAULT_WORKLOAD_IDENTITY",
        "WAREHOUSE_SHOW_IMPROVED_PERFORMANCE",
    }
)
_EXPERIMENTS_KEY = "experimentalFeaturesEnableds"


class SettingsError(ValueError):
    """The provider's configuration is incomplete; the text names the missing settings."""


@dataclass(frozen=True)
class Settings:
    """How to connect, and the features that the stack enables. `repr` shows no secret.

    private_key: PEM text. session_parameters: upper-case names. preview_features: as in the stack's configuration.
    """

    account: str
    user: str
    host: str
    port: int
    protocol: str
    role: str
    warehouse: str
    authenticator: str
    preview_features: frozenset[str]
    session_parameters: Mapping[str, Any]
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    private_key_passphrase: str = field(default="", repr=False)
    workload_identity_provider: str = ""

    @property
    def address(self) -> str:
        """Return Snowflake's address, for messages."""
        return f"{self.protocol}://{self.host}:{self.port}"


def settings(variables: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Read the configuration; a stack's setting overrides the environment's.

    variables: those of the engine, named `snowflake:config:<name>`; lists and maps are JSON text.
    """
    written = {name.rpartition(":")[2]: value for name, value in variables.items()}
    values = {name: written.get(name) or environment.get(variable, "") for name, variable in _TEXTS.items()}
    account = "-".join(part for part in (values["organizationName"], values["accountName"]) if part)
    protocol = values["protocol"].lower() or "https"
    features = _parsed(written.get("previewFeaturesEnabled"), [])
    parameters = _parsed(written.get("params"), {})
    return Settings(
        account=account,
        user=values["user"],
        host=values["host"] or f"{account.lower()}.snowflakecomputing.com",
        port=int(values["port"] or (80 if protocol == "http" else 443)),
        protocol=protocol,
        role=values["role"],
        warehouse=values["warehouse"],
        authenticator=_authenticator(values),
        preview_features=frozenset(features),
        session_parameters={str(name).upper(): value for name, value in parameters.items()},
        password=values["password"],
        token=values["token"],
        private_key=values["privateKey"],
        private_key_passphrase=values["privateKeyPassphrase"],
        workload_identity_provider=values["workloadIdentityProvider"].upper(),
    )


def unknown_settings(written: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that no provider of this release has or accepts, each with its remedy."""
    unknown = {}
    experiments = {str(name).upper() for name in _parsed(written.get(_EXPERIMENTS_KEY), [])}
    for name in sorted(experiments - _EXPERIMENTS):
        near = difflib.get_close_matches(name, _EXPERIMENTS, 1)
        hint = f" Did you mean {near[0]}?" if near else " Remove it."
        unknown[_EXPERIMENTS_KEY] = f"{name} is not an experimental feature of the snowflake provider.{hint}"
    # the engine's own are `version` and those that start with an underscore
    for name in sorted(set(written) - _SETTING_NAMES - {"version", "pluginDownloadURL"}):
        if not name.startswith("__"):
            near = difflib.get_close_matches(name, _SETTING_NAMES, 1)
            hint = f" Did you mean `snowflake:{near[0]}`?" if near else " Remove it."
            unknown[name] = f"`snowflake:{name}` is not a valid configuration key for the snowflake provider.{hint}"
    return unknown


STAND_IN_ACCOUNT = "JOBGRAPH_STAND_IN_ACCOUNT"
"""The variable by which somebody lets the stand-in work on an account: its value is the account's name."""


def require_sandbox(chosen: Settings, environment: Mapping[str, str]) -> None:
    """Refuse an account: the stand-in was compared with the official plugin only on the sandbox.

    Raises:
        SettingsError: if the connection is not a sandbox's, and the environment does not name its account.
    """
    allowed = environment.get(STAND_IN_ACCOUNT, "").lower()
    if _is_this_machine(chosen.host) or (allowed and allowed == chosen.account.lower()):
        return
    raise SettingsError(
        f"the stand-in for the Snowflake provider plugin works only with the sandbox, and {chosen.host} is not one. "
        "Install the official plugin: `pulumi plugin install resource snowflake`. To use the stand-in on this account "
        f"anyway, name it: {STAND_IN_ACCOUNT}={chosen.account or 'ORGANIZATION-ACCOUNT'}"
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def require_login(chosen: Settings) -> None:
    """Refuse settings with which a login cannot succeed.

    Raises:
        SettingsError: if account, user or credential is missing; the text names everything missing.
    """
    missing = []
    if not chosen.account:
        missing.append("organization and account name (SNOWFLAKE_ORGANIZATION_NAME, SNOWFLAKE_ACCOUNT_NAME)")
    if not chosen.user and chosen.authenticator not in {"OAUTH", "WORKLOAD_IDENTITY"}:
        missing.append("user (SNOWFLAKE_USER)")
    if not (chosen.password or chosen.token or chosen.private_key):
        missing.append("a credential (SNOWFLAKE_PRIVATE_KEY, SNOWFLAKE_TOKEN or SNOWFLAKE_PASSWORD)")
    if missing:
        raise SettingsError("the provider's configuration lacks " + "; ".join(missing) + ".")


def _authenticator(values: Mapping[str, str]) -> str:
    if values["authenticator"]:
        return values["authenticator"].upper()
    if values["token"]:
        return "OAUTH"
    return "SNOWFLAKE_JWT" if values["privateKey"] and not values["password"] else "SNOWFLAKE"


def _parsed(written: str | None, nothing: Any) -> Any:
    if not written:
        return nothing
    try:
        return json.loads(written)
    except ValueError:  # a single word, set with `pulumi config set snowflake:previewFeaturesEnabled <word>`
        return [written] if isinstance(nothing, list) else nothing
