"""Resource options and grants that all components share.

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

    By default Pulumi replaces a resource by creating the new one first. Two objects cannot share a name, so here the
    old one is deleted first.
    """
    return pulumi.ResourceOptions(parent=parent, depends_on=depends_on, delete_before_replace=True)


def explained(parent: Part, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Return the options of a step or a grant that names the lacking privilege if Snowflake refuses it."""
    hooks = pulumi.ResourceHookBinding(on_error=[parent.scope.login.refused])
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(hooks=hooks))


def holding(options: pulumi.ResourceOptions, *ignored: str) -> pulumi.ResourceOptions:
    """Return the options of an object that holds rows or files, which no deploy may replace.

    `ignored` names properties whose change would make the provider replace the object, so that a plugin or version with
    a different default changes nothing. For an ignored property the engine passes the value in the state to the plugin.
    A property whose value in the state is the plugin's own word `default` must therefore not be ignored: the plugin
    refuses that word as an input. Any other replacement fails: the new object is created first, and Snowflake refuses a
    second object of the same name.
    """
    merged = pulumi.ResourceOptions(delete_before_replace=False, ignore_changes=list(ignored))
    return pulumi.ResourceOptions.merge(options, merged)


def adopting(options: pulumi.ResourceOptions, settings: Settings, kind: str, name: str = "") -> pulumi.ResourceOptions:
    """Return `options`, extended by what the settings say about the object: whether to import it or keep it on destroy.

    An imported object stays as its owners created it, so none of its properties are compared with the program.
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
    """Grant each of `grants` to the role, and return the resources.

    Dropping an object drops the grants on it. A grant on an object in `depends_on` (matched by resource name) is
    therefore replaced with that object. Grants are not revoked separately when `deleted_with` is deleted.
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
