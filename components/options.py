"""Resource options and grants that all components make alike.

Knows pulumi's options and the provider's grant resource. Must not know which privileges or objects there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.deploy.adoption import import_id, stays
from jobgraph.plan.privileges import Grant, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobgraph.components.part import Part
    from jobgraph.settings import Settings


def named(parent: pulumi.Resource, *depends_on: pulumi.Resource) -> pulumi.ResourceOptions:
    """Return the options of a resource with a fixed name.

    Pulumi replaces by creating first; two objects of one name cannot be, so a replaced one is deleted first.
    """
    return pulumi.ResourceOptions(parent=parent, depends_on=depends_on, delete_before_replace=True)


def holding(options: pulumi.ResourceOptions, *ignored: str) -> pulumi.ResourceOptions:
    """Return the options of an object that holds rows or files, which no deploy may replace.

    `ignored` are properties for which the provider would make another object; so a plugin or a version with another
    default asks for nothing. The engine hands the plugin what is ignored as it is in the state, so none can be one
    whose default is the plugin's own word `default`, which it refuses as a value. Whatever else would replace the
    object fails: the new one is made first, and Snowflake refuses a second one of the name.
    """
    merged = pulumi.ResourceOptions(delete_before_replace=False, ignore_changes=list(ignored))
    return pulumi.ResourceOptions.merge(options, merged)


def adopting(options: pulumi.ResourceOptions, settings: Settings, kind: str, name: str = "") -> pulumi.ResourceOptions:
    """Return `options`, and what the settings say of an object of that kind: import it, keep it on destroy.

    An imported object stays as its owners made it, so nothing of it is compared with the program.
    """
    identifier = import_id(settings, kind, name)
    adoption = pulumi.ResourceOptions(
        import_=identifier,
        ignore_changes=["*"] if identifier else None,
        retain_on_delete=True if stays(settings, kind, name) else None,
    )
    return pulumi.ResourceOptions.merge(options, adoption)


def grant_all(
    parent: Part,
    role: str,
    grants: Iterable[Grant],
    *depends_on: pulumi.Resource,
    deleted_with: pulumi.Resource | None = None,
) -> list[snowflake.GrantPrivilegesToAccountRole]:
    """Grant each of `grants` to the role.

    Grants go with their object, so one on an object among `depends_on`, found by its name, is made anew with it. What
    goes together with `deleted_with` is not revoked by itself.
    """
    extra = pulumi.ResourceOptions(
        deleted_with=deleted_with, hooks=pulumi.ResourceHookBinding(on_error=[parent.scope.login.refused])
    )
    return [_grant(parent, role, grant, depends_on, extra) for grant in grants]


def _grant(
    parent: Part,
    role: str,
    grant: Grant,
    depends_on: Sequence[pulumi.Resource],
    extra: pulumi.ResourceOptions,
) -> snowflake.GrantPrivilegesToAccountRole:
    on_account_object = on_schema = on_schema_object = None
    match grant.level:
        case Level.ACCOUNT:
            pass
        case Level.ACCOUNT_OBJECT:
            on_account_object = snowflake.GrantPrivilegesToAccountRoleOnAccountObjectArgs(
                object_type=grant.object_type,
                object_name=grant.object,
            )
        case Level.SCHEMA:
            on_schema = snowflake.GrantPrivilegesToAccountRoleOnSchemaArgs(schema_name=grant.object)
        case Level.SCHEMA_OBJECT:
            on_schema_object = snowflake.GrantPrivilegesToAccountRoleOnSchemaObjectArgs(
                object_type=grant.object_type,
                object_name=grant.object,
            )
    return snowflake.GrantPrivilegesToAccountRole(
        parent.named(f"{role}-{grant.label}"),
        account_role_name=role,
        privileges=list(grant.privileges),
        on_account=True if grant.level is Level.ACCOUNT else None,
        on_account_object=on_account_object,
        on_schema=on_schema,
        on_schema_object=on_schema_object,
        opts=pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions.merge(named(parent, *depends_on), extra),
            pulumi.ResourceOptions(replace_with=_holding(parent.named(grant.label), depends_on)),
        ),
    )


def _holding(name: str, resources: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
    return [resource for resource in resources if resource.pulumi_resource_name == name]
