"""MXNet's symbol file, checked without MXNet: a graph of allowed operators that points nowhere but backwards.

The format is JSON as ``Symbol.tojson`` writes it (nnvm, ``src/pass/saveload_json.cc``): ``nodes``, each with ``op``,
``name``, ``inputs`` as ``[node, output, version]`` and texts as ``attrs``; ``arg_nodes``, the variables among them;
``heads``, the outputs; ``node_row_ptr`` and ``attrs``, which are of no use to a reader. MXNet follows an index without
looking whether there is such a node, so this is looked at before it sees the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import WeightsError
from components.package.limits import MIB
from components.package.operators import NORMALISATIONS, OPERATORS, VARIABLE, inputs, outputs
from components.package.strict import listed, parse_object, short

Shapes = Mapping[str, tuple[int, ...]]

BYTES = 16 * MIB
NODES = 50_000
INPUT = "data"
"""The variable that takes the images ``(batch, 3, height, width)``."""

HEADS = 3
"""GluonCV's contract: ids ``(batch, n, 1)``, scores ``(batch, n, 1)``, boxes ``(batch, n, 4)`` in pixels."""

_WHAT = "symbol"
_KEYS = {"nodes", "arg_nodes", "heads", "node_row_ptr", "attrs"}
_NEEDED = ("nodes", "arg_nodes", "heads")
_TEXT = 1_000
_LARGEST = 2**20
_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?![\w.])")
_SHAPE = re.compile(r"\(?((?:[0-9]{1,9},? ?)*)\)?")


@dataclass(frozen=True)
class Node:
    """A node of the graph: its operator, name, texts, and inputs as ``(node, output)``."""

    operator: str
    name: str
    attributes: Mapping[str, str]
    inputs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Symbol:
    """A network that may be loaded.

    Attributes:
        nodes: In an order in which each follows its inputs.
        parameters: Names of what is to be found in the weights as ``arg:``, the input left out.
        statistics: Names of what is to be found there as ``aux:``.
        shapes: What the file itself says about variables' shapes, by name; 0 is a side that it leaves open.
    """

    nodes: tuple[Node, ...]
    parameters: frozenset[str]
    statistics: frozenset[str]
    shapes: Shapes

    def check_weights(self, found: Shapes) -> None:
        """Checks that weights are this network's: ``arg:`` and ``aux:`` names, none missing, none left over.

        Raises:
            WeightsError: With all that differs.
        """
        needed = {f"arg:{name}" for name in self.parameters} | {f"aux:{name}" for name in self.statistics}
        told = [
            *_told("missing", sorted(needed - found.keys())),
            *_told("unknown", sorted(found.keys() - needed)),
            *_told("of another shape", sorted(self._shapeless(found))),
        ]
        if told:
            raise WeightsError(f"expected the network's {len(needed)} arrays, found others: {'; '.join(told)}")

    def _shapeless(self, found: Shapes) -> Iterator[str]:
        for name, shape in found.items():
            said = self.shapes.get(name[4:])
            if said and (len(said) != len(shape) or any(a not in (0, b) for a, b in zip(said, shape, strict=True))):
                yield f"{name} {shape} for {said}"


def check(data: bytes) -> Symbol:
    """Checks the content of a symbol file.

    Args:
        data: The whole file.

    Returns:
        The network.

    Raises:
        WeightsError: It is no symbol file; it is larger than allowed; an operator is not one of GluonCV's detectors;
            an index points to no node, or not backwards; it has not the input ``data`` and the three outputs of a
            detector.
    """
    if len(data) > BYTES:
        raise WeightsError(f"{_WHAT}: expected at most {BYTES:,} bytes, found {len(data):,}")
    found = parse_object(data, _WHAT, WeightsError)
    if not set(_NEEDED) <= set(found) <= _KEYS or not all(isinstance(found[key], list) for key in _NEEDED):
        raise WeightsError(f"{_WHAT}: expected the lists {', '.join(_NEEDED)}, found {listed(sorted(found))}")
    if not 1 <= len(found["nodes"]) <= NODES:
        raise WeightsError(f"{_WHAT}: expected 1 to {NODES:,} nodes, found {len(found['nodes']):,}")
    nodes: list[Node] = []
    for entry in found["nodes"]:
        nodes.append(_node(entry, nodes))
    _check_variables(nodes, found["arg_nodes"])
    if len(found["heads"]) != HEADS:
        raise WeightsError(f"{_WHAT}: expected {HEADS} heads (ids, scores, boxes), found {len(found['heads'])}")
    for entry in found["heads"]:
        _reference(entry, nodes, "heads")
    return _symbol(nodes)


def _node(entry: Any, before: list[Node]) -> Node:
    if not isinstance(entry, dict) or not {"op", "name", "inputs"} <= set(entry) <= {"op", "name", "inputs", "attrs"}:
        found = listed(sorted(entry)) if isinstance(entry, dict) else short(entry)
        raise WeightsError(f"{_WHAT}: node {len(before)}: expected op, name, attrs and inputs, found {found}")
    operator, name, attributes, given = entry["op"], entry["name"], entry.get("attrs", {}), entry["inputs"]
    if not isinstance(name, str) or not 1 <= len(name) <= _TEXT:
        raise WeightsError(f"{_WHAT}: node {len(before)}: expected a name, found {short(name)}")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise WeightsError(f"{_WHAT}: {short(name)}: expected an operator of a detector, found {short(operator)}")
    _check_attributes(name, operator, attributes)
    if not isinstance(given, list) or len(given) not in inputs(operator, attributes):
        found = f"{len(given)} inputs" if isinstance(given, list) else short(given)
        raise WeightsError(f"{_WHAT}: {short(name)}: expected the inputs of {operator}, found {found}")
    return Node(operator, name, attributes, tuple(_reference(each, before, name) for each in given))


def _reference(entry: Any, nodes: list[Node], where: str) -> tuple[int, int]:
    if not isinstance(entry, list) or len(entry) not in (2, 3) or not all(type(number) is int for number in entry):
        raise WeightsError(f"{_WHAT}: {short(where)}: expected [node, output, version], found {short(entry)}")
    index, output, *version = entry
    if not 0 <= index < len(nodes):
        raise WeightsError(f"{_WHAT}: {short(where)}: expected one of the {len(nodes)} nodes before, found {index}")
    if not 0 <= output < outputs(nodes[index].operator, nodes[index].attributes):
        raise WeightsError(f"{_WHAT}: {short(where)}: expected an output of {nodes[index].operator}, found {output}")
    # How often the network was hybridized before its export, as it seems; it changes nothing.
    if version and not 0 <= version[0] <= _LARGEST:
        raise WeightsError(f"{_WHAT}: {short(where)}: expected a version up to {_LARGEST:,}, found {short(version[0])}")
    return index, output


def _check_attributes(name: str, operator: str, attributes: Any) -> None:
    if not isinstance(attributes, dict) or not all(isinstance(t, str) and len(t) <= _TEXT for t in attributes.values()):
        raise WeightsError(f"{_WHAT}: {short(name)}: expected attrs as texts of at most {_TEXT} characters")
    if operator == VARIABLE:
        return  # what initialised it; the weights say all that is needed
    for key, text in attributes.items():
        # Whatever a detector repeats, tiles or counts, it is less often than this, and MXNet reads 32 bits.
        if key[:2] != "__" and any(len(digits) > 9 or int(digits) > _LARGEST for digits in _NUMBER.findall(text)):
            found = f"{short(key)} {short(text)}"
            raise WeightsError(f"{_WHAT}: {short(name)}: expected whole numbers up to {_LARGEST:,}, found {found}")


def _check_variables(nodes: list[Node], said: list[Any]) -> None:
    variables = [index for index, node in enumerate(nodes) if node.operator == VARIABLE]
    if said != variables or any(type(index) is not int for index in said):
        raise WeightsError(f"{_WHAT}: expected arg_nodes {short(variables)}, found {short(said)}")
    names = Counter(nodes[index].name for index in variables)
    if twice := sorted(name for name, times in names.items() if times > 1):
        raise WeightsError(f"{_WHAT}: expected each variable once, found {listed(twice)} again")
    if INPUT not in names:
        raise WeightsError(f"{_WHAT}: expected a variable {INPUT!r} for the images, found none")


def _symbol(nodes: list[Node]) -> Symbol:
    names = {node.name for node in nodes if node.operator == VARIABLE}
    _check_normalisations(nodes)
    states = [node.inputs[place][0] for node in nodes if node.operator in NORMALISATIONS for place in (3, 4)]
    statistics = {nodes[index].name for index in states}
    shapes = {node.name: _shape(node.attributes) for node in nodes if node.operator == VARIABLE}
    return Symbol(tuple(nodes), frozenset(names - statistics - {INPUT}), frozenset(statistics), shapes)


def _check_normalisations(nodes: list[Node]) -> None:
    """Checks that each normalisation has vectors of its own: MXNet takes their lengths for granted."""
    uses = Counter(index for node in nodes for index, _ in node.inputs)
    for node in nodes:
        vectors = [index for index, _ in node.inputs[1:]] if node.operator in NORMALISATIONS else []
        for index in vectors:
            if nodes[index].operator != VARIABLE or nodes[index].name == INPUT or uses[index] > 1:
                found = short(nodes[index].name)
                raise WeightsError(f"{_WHAT}: {short(node.name)}: expected variables of its own, found {found}")


def _shape(attributes: Mapping[str, str]) -> tuple[int, ...]:
    found = _SHAPE.fullmatch(attributes.get("__shape__", ""))
    return tuple(int(side) for side in re.findall("[0-9]+", found[1])) if found else ()


def _told(what: str, names: list[str]) -> Iterator[str]:
    if names:
        yield f"{what} {listed(names)}"
