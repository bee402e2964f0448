"""The functions that programs may call, by their tokens.

Knows the list of functions, and the preview feature that each needs. A new function is a module and one line here.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from jobgraph.toolchain.standins.provider.definition import Row, Step, Values
from jobgraph.toolchain.standins.provider.procedures import procedure_listing
from jobgraph.toolchain.standins.provider.tasks import task_listing


@dataclass(frozen=True)
class Function:
    """A function: its arguments to the steps that return its result; and the required preview feature."""

    steps: Callable[[Values], Generator[Step, list[Row], Values]]
    preview_feature: str = ""


FUNCTIONS = {
    task_listing.TOKEN: Function(task_listing.list_tasks),
    procedure_listing.TOKEN: Function(procedure_listing.list_procedures, procedure_listing.FEATURE),
}
