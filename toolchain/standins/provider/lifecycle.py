"""The operations on one resource: run a type's sequences against Snowflake, and turn the results into state.

Knows sequences, differences and states. Must not know gRPC, nor the connector: a function sends the statements.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Observed,
    Pause,
    ResourceType,
    Row,
    Statement,
    Step,
    Values,
    Warn,
)
from jobgraph.toolchain.standins.provider.diff import Difference, difference, imported, settled
from jobgraph.toolchain.standins.provider.errors import PartialFailureError, ProviderError, SnowflakeError
from jobgraph.toolchain.standins.provider.objects import parameters_read
from jobgraph.toolchain.standins.provider.sql import tracking_comment

T = TypeVar("T")


class Session(Protocol):
    """Sends statements."""

    def login(self) -> None:
        """Log in, if that has not happened yet.

        Raises:
            NoConnectionError: if Snowflake cannot be reached or refuses the login.
        """

    def execute(self, sql: str) -> list[Row]:
        """Run one statement and return its rows.

        Raises:
            SnowflakeError: if Snowflake refused the statement.
            NoConnectionError: if Snowflake cannot be reached.
        """

    def close(self) -> None:
        """Close the connections."""


@dataclass
class Run:
    """One operation on one resource: runs its steps, and records whether the object has been created."""

    session: Session
    label: str
    operation: str
    wait: Callable[[float], None]
    warn: Callable[[str], None]
    created: bool = field(default=False)

    def drive(self, steps: Generator[Step, list[Row], T]) -> T:
        """Run a sequence to its end.

        The failure of a statement is thrown into the sequence, which may treat it as an answer or clean up after it.
        """
        answer: list[Row] | None = None
        failure: ProviderError | None = None
        while True:
            try:
                step = steps.throw(failure) if failure else steps.send(answer)  # type: ignore[arg-type]  # None starts it
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # typed by the sequence
            answer, failure = [], None
            try:
                answer = self._take(step)
            except ProviderError as error:
                failure = error

    def _take(self, step: Step) -> list[Row]:
        if isinstance(step, Pause):
            self.wait(step.seconds)
            return []
        if isinstance(step, Warn):
            self.warn(step.message)
            return []
        rows = self.session.execute(self._text(step))
        self.created = self.created or step.creates
        return rows

    def _text(self, step: Statement) -> str:
        return step.sql + tracking_comment(self.label, self.operation) if step.tracked else step.sql


@dataclass(frozen=True)
class State:
    """A resource's state: inputs as in the program, outputs with Snowflake's additions.

    effective: values in effect although they are not set on the object itself; empty if they were not read.
    """

    inputs: Values
    outputs: Values
    effective: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Lifecycle:
    """The operations of the provider on one connection to Snowflake."""

    session: Session
    wait: Callable[[float], None]

    def create(self, resource: ResourceType, inputs: Values, warn: Callable[[str], None]) -> tuple[str, State]:
        """Create the object and read it back; return its id and state.

        Raises:
            ProviderError: if nothing was created.
            PartialFailureError: if the object exists, but a later step failed. The state contains the requested values.
        """
        run = self._run(resource, "create", warn)
        resource_id = resource.identity(inputs)
        try:
            observed = _present(resource, resource_id, run.drive(resource.create(inputs)))
        except ProviderError as error:
            if not run.created:
                raise
            raise PartialFailureError(resource_id, inputs, str(error)) from error
        return resource_id, _state(resource, inputs, observed)

    def read(
        self, resource: ResourceType, resource_id: str, inputs: Values, state: Values, warn: Callable[[str], None]
    ) -> State | None:
        """Return the current state in Snowflake; None if the object is gone. Without inputs and state: an import."""
        run = self._run(resource, "read" if state else "import", warn)
        identified = {**inputs, **state} if state else resource.parse(resource_id)
        observed = run.drive(resource.read(identified))
        if observed is None:
            return None
        if state:
            return _state(resource, inputs or _inputs_of(resource, state), observed)
        values = imported(resource, identified, observed.values)
        return State(values, {**values, **observed.outputs}, observed.effective)

    def ask(self, steps: Generator[Step, list[Row], T], warn: Callable[[str], None]) -> T:
        """Return the result of a sequence that belongs to no single resource."""
        return Run(self.session, "", "read", self.wait, warn).drive(steps)

    def compare(
        self, resource: ResourceType, olds: Values, news: Values, ignored: Iterable[str], warn: Callable[[str], None]
    ) -> Difference:
        """Return the differences; for types with parameters, the server is asked for their current values."""
        live: Values = {}
        if resource.show_parameters:
            rows = self._parameter_rows(resource, olds, warn)
            live = parameters_read(resource.properties, rows, resource.level)
        return difference(resource, olds, news, ignored=ignored, parameters=live)

    def update(
        self, resource: ResourceType, resource_id: str, olds: Values, news: Values, warn: Callable[[str], None]
    ) -> State:
        """Change the object in place and read it back.

        Raises:
            PartialFailureError: if a step failed. The state depends on the type (`ResourceType.partial`).
        """
        changed = self.compare(resource, olds, news, (), warn).changed
        if not changed:
            # the engine requests this after a failed update even without differences; the official bridge does nothing
            return State(news, olds)
        run = self._run(resource, "update", warn)
        try:
            observed = run.drive(resource.update(Change(olds, news, changed)))
        except ProviderError as error:
            target = {name: value for name, value in olds.items() if name in resource.computed} | dict(news)
            basis = olds if resource.partial else target
            raise PartialFailureError(resource_id, basis, str(error)) from error
        return _state(resource, news, _present(resource, resource_id, observed))

    def delete(self, resource: ResourceType, state: Values, warn: Callable[[str], None]) -> None:
        """Drop the object."""
        self._run(resource, "delete", warn).drive(resource.delete(state))

    def _run(self, resource: ResourceType, operation: str, warn: Callable[[str], None]) -> Run:
        return Run(self.session, resource.label, operation, self.wait, warn)

    def _parameter_rows(self, resource: ResourceType, values: Values, warn: Callable[[str], None]) -> list[Row]:
        if resource.show_parameters is None:
            return []
        statement = resource.show_parameters(values)
        try:
            return self._run(resource, "custom_diff", warn)._take(statement)  # noqa: SLF001  # one statement, no sequence
        except SnowflakeError as error:
            if not error.absent:
                raise
            raise ProviderError(
                f"{error}\nThe state has an object that Snowflake does not. Usual cause: it was dropped by hand. "
                "Run `pulumi refresh`, then `pulumi up`."
            ) from error


def _inputs_of(resource: ResourceType, state: Values) -> Values:
    return {prop.name: state[prop.name] for prop in resource.properties if prop.name in state}


def _state(resource: ResourceType, declared: Values, observed: Observed) -> State:
    values = settled(resource, declared, observed.values)
    return State(values, {**values, **observed.outputs}, observed.effective)


def _present(resource: ResourceType, resource_id: str, observed: Observed | None) -> Observed:
    if observed is None:
        raise ProviderError(
            f"Snowflake does not show {resource_id} right after it was made or changed. Usual cause: it was dropped "
            f"meanwhile, or the role may not see it ({resource.label})."
        )
    return observed
