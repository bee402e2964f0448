"""A mark that no other stack has, in the comments of what this one makes; and what is done with its own left-overs.

Knows the engine's hooks. Must not know which objects there are. An engine that was killed between a CREATE and the note
of it would otherwise fail for ever with "already exists" (docs/decisions/0011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.connection import tell_what_is_lacking
from jobgraph.deploy.orphans import already_there, future_owner, holds
from jobgraph.plan import sql

if TYPE_CHECKING:
    from jobgraph.components.connection import Ask, Login
    from jobgraph.components.part import Part
    from jobgraph.deploy.orphans import AlreadyThere, FutureOwner

# Snowflake's own words, errors 002002 and, of a future owner, 003504
_EXISTS = "already exists"


class StackMark:
    """The id of a step that does nothing: the plugin draws it at random, and the state has it before anything is made.

    So whatever bears it was made by this stack, also when another team has the same names, project and stack.
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
        """Return a comment with the mark."""
        return self._ending.apply(lambda ending: f"{text}{ending}")

    def owning(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return the options of the future ownership of tasks: another role of this stack, which had it, gives way."""

        async def frees(arguments: pulumi.ErrorHookArgs) -> bool:
            return _frees(arguments, str(await self._ending.future()), self._scope.login)

        hooks = pulumi.ResourceHookBinding(
            on_error=[pulumi.ErrorHook(self._scope.hook("let the former owner of tasks go"), frees)]
        )
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(hooks=hooks))

    def making(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return the options of a resource whose comment has the mark: what is in its way is looked at."""
        hooks = pulumi.ResourceHookBinding(on_error=[self._hook])
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(hooks=hooks))

    def making_schema(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return the options of the schema, which may hold nothing when the provider creates it.

        Where one named PUBLIC exists, the provider's CREATE does not fail but takes it over. If the schema is to be
        replaced, the drop of the old one would then remove all that it holds.
        """
        hooks = pulumi.ResourceHookBinding(before_create=[self._holds_nothing])
        return pulumi.ResourceOptions.merge(self.making(options), pulumi.ResourceOptions(hooks=hooks))


def _refuse_contents(arguments: pulumi.ResourceHookArgs, login: Login) -> None:
    """Raise an error if the schema that is to be created exists and holds something."""
    schema = already_there(arguments.type, arguments.new_inputs or {})
    if schema is None:
        return
    with login.connected() as ask:
        refusal = _refusal(schema, ask) if schema.this(ask(schema.show)) and _holds_anything(schema, ask) else None
    if refusal is not None:
        raise pulumi.RunError(f"{schema.kind.word} {schema.name} is there already: {refusal}")


def _makes_way(arguments: pulumi.ErrorHookArgs, login: Login) -> bool:
    """Drop what is in the way of a new object, if an interrupted deploy of this stack left it; whether to try again."""
    tell_what_is_lacking(arguments, login.role)
    orphan = already_there(arguments.type, arguments.new_inputs or {}) if _is_in_the_way(arguments) else None
    if orphan is None:
        return False
    with login.connected() as ask:
        refusal = _refusal(orphan, ask)
        if refusal is not None:
            pulumi.warn(f"{orphan.kind.word} {orphan.name} is there already: {refusal}")
            return False
        ask(orphan.drop)
    pulumi.info(f"{orphan.kind.word} {orphan.name} was left by an interrupted deploy of this stack: it is made anew")
    return True


def _is_in_the_way(arguments: pulumi.ErrorHookArgs) -> bool:
    """Whether a creation failed, for the first time, because something is there."""
    return arguments.failed_operation == "create" and len(arguments.errors) == 1 and _EXISTS in arguments.errors[0]


def _frees(arguments: pulumi.ErrorHookArgs, ending: str, login: Login) -> bool:
    """Revoke the future ownership that a role of this stack has, the ending of whose comment is given."""
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
    """Whether a role is the stack's own, or was until now."""
    rows = ask(owner.show_role(holder))
    return holder == owner.role or any(row["name"] == holder and str(row["comment"]).endswith(ending) for row in rows)


def _refusal(orphan: AlreadyThere, ask: Ask) -> str | None:
    """Return why an object must stay; None if it may go."""
    row = orphan.this(ask(orphan.show))
    remedy = "name it in `imported` of jobgraph:settings to take it into this stack as it is"
    if row is None:
        return "but the role of this deploy cannot see it; it belongs to somebody else"
    if not orphan.made_by_this_stack(row):
        return (
            f"this stack has not made it. Name it in `existing` of jobgraph:settings if it stays another's, or {remedy}"
        )
    if orphan.in_use(row) or _holds_anything(orphan, ask):
        return (
            f"this stack has made it, and it is in use or not empty, so it is never dropped. If a deploy was"
            f" interrupted, {remedy}. If the preview says that it is to be replaced, `pulumi preview --diff` names the"
            " property: set that back, or move what it holds and drop it by hand"
        )
    return None


def _holds_anything(orphan: AlreadyThere, ask: Ask) -> bool:
    return any(holds(ask(statement)) for statement in orphan.contents)
