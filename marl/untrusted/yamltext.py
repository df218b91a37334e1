"""YAML as settings have it: mappings of names, lists, strings, numbers, booleans, null."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, NoReturn

import yaml
from yaml.constructor import ConstructorError
from yaml.events import Event
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from marl.errors import UnreadableError
from marl.untrusted.bounds import DEPTH, DIGITS, YAML_VALUES
from marl.untrusted.nested import trouble_with

PREFIX = "tag:yaml.org,2002:"
PLAIN = {PREFIX + name for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}


class BoundedLoader(yaml.SafeLoader):
    """YAML without dates, sets and bytes, whose keys are names, each once in its mapping.

    An alias may stand for a value elsewhere in the file; what it brings counts wherever it stands.
    """

    yaml_constructors = {  # noqa: RUF012 - PyYAML's own way
        tag: made
        for tag, made in yaml.SafeLoader.yaml_constructors.items()
        if tag in {*PLAIN, None}
    }
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in rules if tag in PLAIN]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.count = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """Refuse a value that is too deep, one too many, or one with a tag, before it is made."""
        self.depth += 1
        self.count += 1
        event = self.peek_event()
        if self.depth > DEPTH:
            self._refuse(event, f"holds values more than {DEPTH} deep inside one another")
        if self.count > YAML_VALUES:
            self._refuse(event, f"holds more than {YAML_VALUES:,} values")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, f"the tag {event.tag!r} is not known here")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def get_single_node(self) -> Node | None:
        """Refuse too many values, or a value without end, before any is made."""
        node = super().get_single_node()
        if node is not None and (trouble := trouble_with(node, node_children, YAML_VALUES)):
            self._refuse(node, trouble)
        return node

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen = set()
        for key_node, _ in node.value:
            name = key_node.value if isinstance(key_node, ScalarNode) else None
            if name in seen:
                self._refuse(key_node, f"the key {name!r} stands here twice")
            seen.add(name)
        values = super().construct_mapping(node, deep)
        for key, (key_node, _) in zip(values, node.value, strict=False):
            if not isinstance(key, str):
                self._refuse(key_node, f"the key {key!r} is no name")
        return values

    def construct_yaml_int(self, node: ScalarNode) -> int:
        self._check_digits(node)
        return int(super().construct_yaml_int(node))

    def construct_yaml_float(self, node: ScalarNode) -> float:
        self._check_digits(node)
        return float(super().construct_yaml_float(node))

    def _check_digits(self, node: ScalarNode) -> None:
        if len(node.value) > DIGITS:
            self._refuse(node, f"a number of {len(node.value)} digits is too long")

    def _refuse(self, place: Node | Event, reason: str) -> NoReturn:
        mark: Any = place.start_mark
        raise ConstructorError(None, None, reason, mark)


for _name in ("int", "float"):
    BoundedLoader.add_constructor(PREFIX + _name, getattr(BoundedLoader, f"construct_yaml_{_name}"))


def node_children(node: Node) -> Iterable[Node]:
    """The nodes directly in one."""
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, SequenceNode) else ()


def load_yaml(text: str, name: str) -> object:
    """The value in a YAML text; UnreadableError names the file and the line. name: the file's."""
    try:
        return yaml.load(text, BoundedLoader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UnreadableError(f"{name}{line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: a number that is none, "0b"
        reason = str(error).splitlines()[0]
        raise UnreadableError(f"{name}: cannot be read as YAML: {reason}") from None
