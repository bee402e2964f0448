"""Provider, hooks and `jobgraph` log in alike, by key pair and by workload identity, on one deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.identities import KeyPair, issuing
from tests.lifecycle import fork_server
from tests.lifecycle.project import BIN

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

HOOK = (
    "import pulumi, os\n"
    "from jobgraph.components.connection import _connected\n"
    "with _connected({}) as ask: print(ask('SELECT CURRENT_USER() AS WHO')[0]['WHO'])\n"
)


def everybody_logs_in(project: Project, user: str, **login: str) -> None:
    before = dict(project.environment)
    project.environment |= {"SNOWFLAKE_PASSWORD": "", "SNOWFLAKE_USER": user, **login}
    try:
        project.pulumi("preview", "--expect-no-changes")  # the program asks the provider for tasks and procedures
        assert f"user {user}" in project.jobgraph("doctor", check=False).stdout
        project.jobgraph("status", check=False)
        hook = fork_server.program_as_forked(str(BIN / "python"), HOOK)
        assert project.run(*hook).stdout.strip() == user
    finally:
        project.environment = before


def test_a_key_pair_is_enough_for_all_three(deployed: Project) -> None:
    pair = KeyPair()
    deployed.query(f"CREATE USER KEYED RSA_PUBLIC_KEY = '{pair.public}'")
    deployed.query("GRANT ROLE ACCOUNTADMIN TO USER KEYED")
    everybody_logs_in(deployed, "KEYED", SNOWFLAKE_AUTHENTICATOR="SNOWFLAKE_JWT", SNOWFLAKE_PRIVATE_KEY=pair.pem)


def test_a_workloads_token_is_enough_for_all_three(deployed: Project) -> None:
    with issuing() as issuer:
        identity = f"(TYPE = OIDC ISSUER = '{issuer.address}' SUBJECT = 'repo:shop/jobs:environment:prod')"
        deployed.query(f"CREATE USER WORKFLOW TYPE = SERVICE WORKLOAD_IDENTITY = {identity}")
        deployed.query("GRANT ROLE ACCOUNTADMIN TO USER WORKFLOW")
        everybody_logs_in(
            deployed,
            "WORKFLOW",
            SNOWFLAKE_AUTHENTICATOR="WORKLOAD_IDENTITY",
            SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER="OIDC",
            SNOWFLAKE_TOKEN=issuer.token("repo:shop/jobs:environment:prod"),
            # the connector sends tokens to Snowflake's hosts alone
            SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES="127.0.0.1",
        )
