"""What the exporter's graph needs before the core reads it: names that are one thing's, and fewer detours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from tenon import BuildError
from tenon.torch._signature import rename


def tidy(graph: ir.Graph) -> None:
    """Takes away copies of values, and sequences that only split a tensor."""
    _drop_identities(graph)
    _split_tensors(graph)


def name_values(graph: ir.Graph, inputs: list[str], outputs: list[str]) -> None:
    """Gives ports the names of the pytrees, and no other value a name that a tensor has."""
    if len(graph.inputs) != len(inputs) or len(graph.outputs) != len(outputs):
        raise BuildError(
            f"torch.onnx.export made {len(graph.inputs)} inputs of {len(inputs)} tensors and "
            f"{len(graph.outputs)} outputs of {len(outputs)}; inputs and outputs must be tensors",
            "build",
        )
    _separate_outputs(graph)
    ports = {id(value) for value in [*graph.inputs, *graph.outputs]}
    taken = {*graph.initializers, *inputs, *outputs}
    for node in graph.all_nodes():
        bodies = [
            attribute.value
            for attribute in node.attributes.values()
            if attribute.type == ir.AttributeType.GRAPH
        ]
        for value in [*node.outputs, *(each for body in bodies for each in body.inputs)]:
            if id(value) in ports or not value.name:
                continue
            if value.name in taken:
                value.name = _free(value.name, taken)
            taken.add(value.name)
    used = set(graph.initializers)
    for name, value in [*zip(inputs, graph.inputs), *zip(outputs, graph.outputs)]:
        value.name = name if name not in used else _free(name, used | taken)
        used.add(value.name)


def rename_extents(graph: ir.Graph, names: Mapping[str, str]) -> None:
    """Renames symbols in every shape of the graph."""
    values = [*graph.inputs, *(o for node in graph.all_nodes() for o in node.outputs)]
    for value in values:
        if value.shape is not None and not value.shape.frozen:
            value.shape = ir.Shape(
                [d if isinstance(d, int) else rename(str(d.value), names) for d in value.shape]
            )


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name}~{number}" in taken:
        number += 1
    return f"{name}~{number}"


def _drop_identities(graph: ir.Graph) -> None:
    """A copy of a weight (clone, dropout) would be a weight beside it, with a name that no module has."""
    outputs = {id(value) for value in graph.outputs}
    for node in list(graph):
        if node.op_type == "Identity" and not node.domain and id(node.outputs[0]) not in outputs:
            source = node.inputs[0]
            assert source is not None
            ir.convenience.replace_all_uses_with(node.outputs[0], source)
            graph.remove(node, safe=True)


def _as_typed(value: ir.Value, other: ir.Value) -> None:
    """Gives a value another's type."""
    if other.dtype is not None:
        value.dtype = other.dtype
    value.shape = other.shape


def _separate_outputs(graph: ir.Graph) -> None:
    """Outputs that are inputs, weights or each other become values of their own."""
    held = {id(value) for value in [*graph.inputs, *graph.initializers.values()]}
    for index, value in enumerate(graph.outputs):
        if id(value) in held:
            node = ir.Node("", "Identity", [value])
            _as_typed(node.outputs[0], value)
            graph.append(node)
            graph.outputs[index] = node.outputs[0]
        held.add(id(graph.outputs[index]))


def _split_tensors(graph: ir.Graph) -> None:
    """SplitToSequence, read by SequenceAt at constants alone, becomes Split: its parts then have shapes."""
    for node in list(graph):
        if node.op_type != "SplitToSequence" or len(node.inputs) != 2:
            continue
        sizes, sequence = _constant(node.inputs[1]), node.outputs[0]
        users = [use.node for use in sequence.uses()]
        places = [_constant(user.inputs[1]) if user.op_type == "SequenceAt" else None for user in users]
        if sizes is None or sizes.ndim != 1 or any(place is None for place in places):
            continue
        split = ir.Node("", "Split", list(node.inputs), [node.attributes["axis"]], num_outputs=len(sizes))
        for number, part in enumerate(split.outputs):
            part.name = f"{sequence.name}~part{number}"
        graph.insert_before(node, split)
        for user, place in zip(users, places):
            part = split.outputs[int(place)]  # type: ignore[arg-type]
            _as_typed(part, user.outputs[0])
            ir.convenience.replace_all_uses_with(user.outputs[0], part, replace_graph_outputs=True)
            graph.remove(user, safe=True)
        graph.remove(node, safe=True)


def _constant(value: ir.Value | None) -> Any:
    """The array of a Constant node's output, or None."""
    node = value.producer() if value is not None else None
    if node is None or node.op_type != "Constant" or "value" not in node.attributes:
        return None
    return node.attributes["value"].as_tensor().numpy()
