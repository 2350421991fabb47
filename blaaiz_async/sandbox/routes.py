"""From method and path to the contract's operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from blaaiz_async import contract

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Match", "Routes"]


@attrs.frozen(kw_only=True)
class Match:
    """What a method and a path stand for."""

    operation: str | None = None
    """The operationId, or None when the contract has no such route."""
    scopes: tuple[str, ...] = ()
    params: dict[str, str] = attrs.field(factory=dict[str, str])
    """Values of the path template."""
    known_path: bool = False
    """Whether the path itself is known, with another method perhaps."""


@attrs.define
class _Node:
    fixed: dict[str, _Node] = attrs.field(factory=dict[str, "_Node"])
    variable: tuple[str, _Node] | None = None
    methods: dict[str, tuple[str, tuple[str, ...]]] = attrs.field(factory=dict[str, tuple[str, tuple[str, ...]]])


class Routes:
    """A tree of path segments, built from the contract's path templates."""

    def __init__(self, operation_ids: Iterable[str]) -> None:
        self._root = _Node()
        for operation_id in operation_ids:
            found = contract.operation(operation_id)
            # The contract gives the upload target no path of its own: the host decides where it lies.
            path = "/storage/{file_id}" if operation_id == "presigned_upload_put" else found.path
            self._add(path, found.method, operation_id, found.scopes)

    def find(self, method: str, path: str) -> Match:
        """Look a method and a path up."""
        node, values = self._root, dict[str, str]()
        for segment in path.strip("/").split("/"):
            if (fixed := node.fixed.get(segment)) is not None:
                node = fixed
            elif node.variable is not None and segment:
                name, node = node.variable
                values[name] = segment
            else:
                return Match()
        operation, scopes = node.methods.get(method, (None, ()))
        return Match(operation=operation, scopes=scopes, params=values, known_path=bool(node.methods))

    def _add(self, path: str, method: str, operation_id: str, scopes: tuple[str, ...]) -> None:
        node = self._root
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                if node.variable is None:
                    node.variable = (segment[1:-1], _Node())
                node = node.variable[1]
            else:
                node = node.fixed.setdefault(segment, _Node())
        node.methods[method] = (operation_id, scopes)
