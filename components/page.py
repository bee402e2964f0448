"""The operators' page in Snowflake: files in the stage, the Streamlit app built from them, and who may view it.

Knows the provider's steps. They are used because the provider's Streamlit resource has neither a runtime nor a live
version. Must not know what the page shows, nor which files it needs (see `jobgraph.plan.page`).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.options import explained, grant_all
from jobgraph.components.part import Part, Scope
from jobgraph.plan import page, sql

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from jobgraph.settings import Settings

_SHIPPED = (".py", ".css", ".js", ".yaml")


@dataclass(frozen=True)
class PageArgs:
    """Names (`settings`), and the parts that must exist first: the warehouse, the stage, the history."""

    settings: Settings
    before: tuple[pulumi.Resource, ...]


class PageComponent(Part):
    """The app. Changed files go into a new folder of the stage, and the app is replaced."""

    def __init__(self, name: str, args: PageArgs, scope: Scope) -> None:
        super().__init__("Page", name, scope)
        plan = page.page(args.settings, sources())
        options = pulumi.ResourceOptions(parent=self, depends_on=args.before)
        removal = self._step("removal", sql.nothing("the page goes when this step is undone"), plan.drop, options)
        steps: list[pulumi.Resource] = [
            self._step(file.name.rpartition("/")[2], file.write, str(file.remove), options) for file in plan.files
        ]
        stays = sql.nothing("the page stays")
        after_files = pulumi.ResourceOptions(parent=self, depends_on=[*steps, removal], replace_with=steps)
        # the resource has the name of the grant on it, so that the grant is replaced with it (see `grant_all`)
        app = snowflake.Execute(
            self.named(page.NAME), execute=plan.create, revert=stays, opts=explained(self, after_files)
        )
        after_app = pulumi.ResourceOptions(parent=self, depends_on=[app], replace_with=[app])
        live = self._step("live", plan.go_live, stays, after_app)
        for role in args.settings.page_roles:
            grant_all(self, role, plan.grants, app, live)
        self.register_outputs({"page": args.settings.qualified(page.NAME)})

    def _step(self, name: str, execute: str, revert: str, options: pulumi.ResourceOptions) -> snowflake.Execute:
        return snowflake.Execute(self.named(f"{page.NAME}-{name}"), execute=execute, revert=revert, opts=options)


def sources() -> dict[str, str]:
    """Return the text of each of jobgraph's files by its path, such as `jobgraph/page/app.py`."""
    return dict(_texts(files("jobgraph"), "jobgraph"))


def _texts(folder: Traversable, path: str) -> list[tuple[str, str]]:
    texts = []
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name not in {"__pycache__", "image_sources", "template", "toolchain"}:
            texts += _texts(entry, f"{path}/{entry.name}")
        elif entry.name.endswith(_SHIPPED):
            texts.append((f"{path}/{entry.name}", entry.read_text("utf-8")))
    return texts
