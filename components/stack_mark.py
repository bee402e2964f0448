"""A mark, unique to the stack, in the comments of its objects; and the removal of objects that it left behind.

Knows the engine's hooks. Must not know which kinds of objects exist. If the engine is killed after a CREATE but before
it saves its state, every later deploy would otherwise fail with "already exists" (docs/decisions/0011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.connection import tell_what_is_lacking
from jobgraph.deploy.orphans import already_there, future_owner
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from jobgraph.components.connection import Ask, Login
    from jobgraph.components.part import Part
    from jobgraph.deploy.orphans import AlreadyThere, FutureOwner

# Part of Snowflake's errors 002002 and, for a future owner, 003504
_EXISTS = "already exists"
_POOL = "COMPUTE POOL"


class StackMark:
    """The id of a step that does nothing. The plugin picks it at random; the state has it before any object exists.

    An object with the mark was therefore created by this stack, even if another team uses the same names, project and
    stack.
    """

    def __init__(self, parent: Part) -> None:
        login, self._scope = parent.scope.login, parent.scope
        step = snowflake.Execute(
            parent.named("stack-mark"),
            execute=sql.nothing("the id of this step marks what this stack makes"),
            revert=sql.nothing("this stack has gone"),
            opts=pulumi.ResourceOptions(parent=parent),
        )
        self._ending = step.id.apply(lambda whole: f" (stack {whole[:8]})")
        self._hook = pulumi.ErrorHook(
            parent.scope.hook("make anew what an interrupted deploy made"),
            lambda arguments: _makes_way(arguments, login),
        )
        self._holds_nothing = pulumi.ResourceHook(
            parent.scope.hook("a schema that holds something is not made anew"),
            lambda arguments: _refuse_contents(arguments, login),
        )

    def comment(self, text: str) -> pulumi.Output[str]:
        """Return `text` with the mark at its end."""
        return self._ending.apply(lambda ending: f"{text}{ending}")

    def owning(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return the options of the grant of future ownership of tasks.

        If another role of this stack already has the future ownership, its grant is revoked and the creation retried.
        """

        async def frees(arguments: pulumi.ErrorHookArgs) -> bool:
            return _frees(arguments, str(await self._ending.future()), self._scope.login)

        hooks = pulumi.ResourceHookBinding(
            on_error=[pulumi.ErrorHook(self._scope.hook("let the former owner of tasks go"), frees)]
        )
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(hooks=hooks))

    def making(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return the options of a resource whose comment has the mark.

        If the object already exists, it is dropped, provided that an interrupted deploy of this stack left it.
        """
        hooks = pulumi.ResourceHookBinding(on_error=[self._hook])
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(hooks=hooks))

    def making_schema(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return the options of the schema, which must be empty if it already exists when the provider creates it.

        If a schema named PUBLIC exists, the provider's CREATE does not fail but takes the schema over. If the stack's
        schema is being replaced, dropping the old one would then delete everything in it.
        """
        hooks = pulumi.ResourceHookBinding(before_create=[self._holds_nothing])
        return pulumi.ResourceOptions.merge(self.making(options), pulumi.ResourceOptions(hooks=hooks))


def _refuse_contents(arguments: pulumi.ResourceHookArgs, login: Login) -> None:
    """Raise an error if the schema that is to be created exists and is not empty; otherwise give PUBLIC its comment.

    The provider records PUBLIC as created before it alters it. If that ALTER failed, the comment would be missing until
    a refresh: the engine's state has it. After this hook, nothing is left for that ALTER to change.
    """
    schema = already_there(arguments.type, arguments.new_inputs or {})
    if schema is None:
        return
    with login.connected() as ask:
        row = schema.this(ask(schema.show))
        if row is None:
            return
        refusal = _refusal(schema, ask) if _holds_anything(schema, row, ask) else None
        if refusal is not None:
            raise pulumi.RunError(f"{schema.kind.word} {schema.name} already exists: {refusal}")
        if schema.is_taken_over:
            ask(schema.set_comment)


def _makes_way(arguments: pulumi.ErrorHookArgs, login: Login) -> bool:
    """Drop an object that already exists if an interrupted deploy of this stack left it; return whether to retry."""
    tell_what_is_lacking(arguments, login.role)
    orphan = already_there(arguments.type, arguments.new_inputs or {}) if _is_in_the_way(arguments) else None
    if orphan is None:
        return False
    with login.connected() as ask:
        refusal = _refusal(orphan, ask)
        if refusal is not None:
            pulumi.warn(f"{orphan.kind.word} {orphan.name} already exists: {refusal}")
            return False
        ask(orphan.drop)
    pulumi.info(
        f"{orphan.kind.word} {orphan.name} was left by an interrupted deploy of this stack: it is created again"
    )
    return True


def _is_in_the_way(arguments: pulumi.ErrorHookArgs) -> bool:
    """Whether a creation failed, for the first time, because the object already exists."""
    return arguments.failed_operation == "create" and len(arguments.errors) == 1 and _EXISTS in arguments.errors[0]


def _frees(arguments: pulumi.ErrorHookArgs, ending: str, login: Login) -> bool:
    """Revoke the present future ownership if its role is this stack's; return whether to retry.

    `ending` is the end of the comments of this stack's objects.
    """
    tell_what_is_lacking(arguments, login.role)
    owner = future_owner(arguments.type, arguments.new_inputs or {}) if _is_in_the_way(arguments) else None
    if owner is None:
        return False
    with login.connected() as ask:
        holder = owner.holder(ask(owner.show))
        if holder is None:
            return False
        if not _is_ours(owner, holder, ending, ask):
            pulumi.warn(
                f"Tasks made in {owner.schema} belong to role {holder}, which this stack has not made. If this stack is"
                f" to make tasks there, revoke that: {owner.revoke(holder)}"
            )
            return False
        ask(owner.revoke(holder))
    return True


def _is_ours(owner: FutureOwner, holder: str, ending: str, ask: Ask) -> bool:
    """Whether the role `holder` is, or until this deploy was, a role of this stack."""
    rows = ask(owner.show_role(holder))
    return holder == owner.role or any(row["name"] == holder and str(row["comment"]).endswith(ending) for row in rows)


def _refusal(orphan: AlreadyThere, ask: Ask) -> str | None:
    """Return why an object must stay; None if it may be dropped."""
    row = orphan.this(ask(orphan.show))
    existing, imported = "name it in `existing`", "name it in `imported`"
    if orphan.kind.word == _POOL:  # pools say it in their own entry
        existing, imported = (f"set `{key}: true` in its entry of `pools`" for key in ("existing", "imported"))
    remedy = f"{imported} of jobgraph:settings to take it into this stack as it is"
    if row is None:
        return "but the role of this deploy cannot see it; it belongs to somebody else"
    if not orphan.made_by_this_stack(row):
        return f"this stack has not made it. If it stays another's, {existing} of jobgraph:settings; or {remedy}"
    if orphan.in_use(row) or _holds_anything(orphan, row, ask):
        return (
            f"this stack has made it, and it is in use or not empty, so it is never dropped. If a deploy was"
            f" interrupted, {remedy}. If the preview says that it is to be replaced, `pulumi preview --diff` names the"
            " property: set that back, or move what it holds and drop it by hand"
        )
    return None


def _holds_anything(orphan: AlreadyThere, row: Mapping[str, Any], ask: Ask) -> bool:
    return any(orphan.holds(row, ask(statement)) for statement in orphan.contents)
