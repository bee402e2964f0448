"""A resource's state on Pulumi's wire, as the provider's operations receive and return it.

Knows the form of each resource type. Must not know operations or statements.
"""

from collections.abc import Mapping
from typing import Any

from jobgraph.toolchain.standins.provider.bridge.reading import inputs_read, outputs_read
from jobgraph.toolchain.standins.provider.bridge.shapes import SHAPES
from jobgraph.toolchain.standins.provider.bridge.writing import Origin, outputs_written
from jobgraph.toolchain.standins.provider.definition import ResourceType, Values
from jobgraph.toolchain.standins.provider.lifecycle import State
from jobgraph.toolchain.standins.provider.wire import received


def inputs_of(resource: ResourceType, values: Mapping[str, Any]) -> Values:
    """Return a resource's inputs as a program writes them."""
    return inputs_read(SHAPES[resource.kind], values)


def values_of(resource: ResourceType, outputs: Values, inputs: Values) -> Values:
    """Return the values of an object from the outputs and inputs in a state."""
    # an older engine sends no inputs
    return outputs_read(resource, SHAPES[resource.kind], outputs, inputs or outputs)


def olds_and_news(resource: ResourceType, request: Any) -> tuple[Values, Values]:
    """Return an object's old and new values in a Diff or an Update."""
    olds = values_of(resource, received(request.olds), received(request.old_inputs))
    return olds, inputs_of(resource, received(request.news))


def parameters_of(resource: ResourceType, outputs: Values) -> Values:
    """Return the parameters, and the values that the server fills in, from the outputs in a state."""
    names = {prop.name for prop in resource.properties if prop.parameter} | SHAPES[resource.kind].computed
    return {name: value for name, value in outputs.items() if name in names}


def outputs_of(resource: ResourceType, state: State, resource_id: str, origin: Origin) -> Values:
    """Return the outputs that the official plugin would write for a state."""
    computed = {name: state.outputs[name] for name in resource.computed if name in state.outputs}
    values = {prop.name: state.outputs[prop.name] for prop in resource.properties if prop.name in state.outputs}
    return outputs_written(SHAPES[resource.kind], values, state.effective | computed, resource_id, origin)
