"""Selected fields of a selection set for a set of concrete classes (fragments, @skip and @include applied)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, cast

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    InlineFragmentNode,
    get_directive_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from graphql import FragmentDefinitionNode, NamedTypeNode, SelectionSetNode
    from graphql.execution.values import VariableValues


@dataclass(frozen=True, slots=True)
class Selected:
    """One key of an answer's object. `classes`: those on which these nodes (which are merged) apply."""

    key: str
    classes: tuple[str, ...]
    nodes: tuple[FieldNode, ...]

    @property
    def name(self) -> str:
        return self.nodes[0].name.value

    @property
    def selections(self) -> tuple[SelectionSetNode, ...]:
        return tuple(n.selection_set for n in self.nodes if n.selection_set)


class Collector:
    """Reads selection sets of one operation. `possible`: type name → concrete classes."""

    def __init__(
        self,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        possible: Mapping[str, Sequence[str]],
        visited: Callable[[], None],
    ) -> None:
        self.fragments = fragments
        self.variables = variables
        self.possible = {name: frozenset(classes) for name, classes in possible.items()}
        self.visited = visited
        self._position = count()

    def collect(self, selections: Iterable[SelectionSetNode], classes: Sequence[str]) -> list[Selected]:
        """In answer order. Classes with the same nodes for a key share one Selected."""
        found: dict[str, list[tuple[int, FieldNode, frozenset[str]]]] = {}
        seen: dict[str, frozenset[str]] = {}
        everything = frozenset(classes)
        for selection in selections:
            self._visit(selection, everything, found, seen)
        out: list[tuple[int, Selected]] = []
        for key, entries in found.items():
            if all(applies == everything for _, _, applies in entries):
                out.append((entries[0][0], Selected(key, tuple(classes), tuple(node for _, node, _ in entries))))
                continue
            parts: dict[tuple[int, ...], list[str]] = {}
            for cls in classes:
                mine = tuple(i for i, (_, _, applies) in enumerate(entries) if cls in applies)
                if mine:
                    parts.setdefault(mine, []).append(cls)
            out += [
                (entries[mine[0]][0], Selected(key, tuple(part), tuple(entries[i][1] for i in mine)))
                for mine, part in parts.items()
            ]
        # A class's keys stand in the order in which it meets them.
        out.sort(key=lambda item: item[0])
        return [selected for _, selected in out]

    def _visit(
        self,
        selection_set: SelectionSetNode,
        classes: frozenset[str],
        found: dict[str, list[tuple[int, FieldNode, frozenset[str]]]],
        seen: dict[str, frozenset[str]],
    ) -> None:
        for found_node in selection_set.selections:
            node = cast("FieldNode | InlineFragmentNode | FragmentSpreadNode", found_node)
            if node.directives and not self._included(node):
                continue
            if isinstance(node, FieldNode):
                self.visited()
                key = node.alias.value if node.alias else node.name.value
                found.setdefault(key, []).append((next(self._position), node, classes))
            elif isinstance(node, InlineFragmentNode):
                inner = self._narrowed(classes, node.type_condition)
                if inner is not None:
                    self._visit(node.selection_set, inner, found, seen)
            else:
                name = node.name.value
                fragment = self.fragments[name]
                inner = self._narrowed(classes, fragment.type_condition)
                if inner is None:
                    continue
                before = seen.get(name)
                fresh = inner if before is None else inner - before
                if before is not None and not fresh:
                    continue
                seen[name] = inner | (before or frozenset())
                self._visit(fragment.selection_set, fresh, found, seen)

    def _narrowed(self, classes: frozenset[str], condition: NamedTypeNode | None) -> frozenset[str] | None:
        """None: no class is left. A condition on a type that is no entity is the type itself (validated)."""
        if condition is None or condition.name.value not in self.possible:
            return classes
        inner = classes & self.possible[condition.name.value]
        return inner or None

    def _included(self, node: FieldNode | InlineFragmentNode | FragmentSpreadNode) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        if skip and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (include and not include["if"])
