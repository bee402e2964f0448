"""A program of another team: two JobGraphs inside a component of its own, with a provider and transforms of its own."""

from __future__ import annotations

import os

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components import JobGraph, JobGraphArgs

PREVIEWS = ("function_sql_resource", "procedure_python_resource", "procedures_datasource", "stage_internal_resource")


class Team(pulumi.ComponentResource):
    """What a team has around its job graphs."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("team:index:Team", name, None, opts)
        for part in ("sales", "ops"):
            upper = part.upper()
            names = {"database": upper, "role": f"{upper}_ROLE", "warehouse": f"{upper}_WH"}
            settings = {**names, "pools": {f"{upper}_POOL": {}}, "retain": False}
            graph = JobGraph(part, JobGraphArgs(f"{part}.yaml", settings), pulumi.ResourceOptions(parent=self))
            pulumi.export(part, graph.roots)
        self.register_outputs({})


def marked(resource: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Give every warehouse the team's idle time."""
    if resource.type_ != "snowflake:index/warehouse:Warehouse":
        return None
    return pulumi.ResourceTransformResult({**resource.props, "autoSuspend": 77}, resource.opts)


provider = snowflake.Provider(
    "theirs",
    organization_name=os.environ["SNOWFLAKE_ORGANIZATION_NAME"],
    account_name=os.environ["SNOWFLAKE_ACCOUNT_NAME"],
    host=os.environ["SNOWFLAKE_HOST"],
    port=int(os.environ["SNOWFLAKE_PORT"]),
    protocol="http",
    user=os.environ["SNOWFLAKE_USER"],
    password=os.environ["THEIR_PASSWORD"],
    role="ACCOUNTADMIN",
    # the provider reads views by INFORMATION_SCHEMA, for which its session needs a warehouse
    warehouse="TEAM_WAREHOUSE",
    preview_features_enabled=[f"snowflake_{name}" for name in (*PREVIEWS, "table_resource")],
)
protect = os.environ.get("PROTECTED") == "yes"
Team("team", pulumi.ResourceOptions(providers=[provider], transforms=[marked], protect=protect))
