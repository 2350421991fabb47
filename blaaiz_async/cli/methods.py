"""The service methods as a command line sees them: found by name, their arguments read from words."""

import difflib
import importlib
import inspect
import os
import re
import types
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

import attrs

from blaaiz_async.cli.common import UsageError
from blaaiz_async.client import AsyncBlaaiz
from blaaiz_async.core import codec
from blaaiz_async.core.operation import OPERATIONS, Safety
from blaaiz_async.services.base import Service


@attrs.frozen(kw_only=True)
class Method:
    """A method that calls the platform."""

    name: str
    """Such as `customers.get`."""
    function: Callable[..., Any]
    parameters: Mapping[str, Any]
    """Annotations by name, with the filters of `**filters` each on its own; what a command line can't give is left out."""
    positional: tuple[str, ...]
    required: tuple[str, ...]
    answer: Any
    """The annotation of what it returns; of one item, if it iterates."""
    iterates: bool

    @property
    def usage(self) -> str:
        """Such as `customers.list_page [PAGE] [--email …]`."""
        words = [name.upper() if name in self.required else f"[{name.upper()}]" for name in self.positional]
        words += [f"--{name} …" if name in self.required else f"[--{name} …]" for name in self._named]
        return " ".join([self.name, *words])

    @property
    def _named(self) -> list[str]:
        return [name for name in self.parameters if name not in self.positional]

    @property
    def body(self) -> str | None:
        """The parameter that takes a record, which `--data` gives."""
        return next((name for name, hint in self.parameters.items() if _takes_record(hint)), None)

    @property
    def writes(self) -> bool:
        """Whether it changes anything, as the operations say that its docstring names; True if it names none."""
        named = [OPERATIONS[word] for word in re.findall(r"\w+", inspect.getdoc(self.function) or "") if word in OPERATIONS]
        return not named or any(each.method != "GET" and each.safety is not Safety.READ for each in named)

    @property
    def one_time_secrets(self) -> list[str]:
        """Fields of the answer that are links, tokens or secrets, which a repr hides and nothing may return again."""
        return secrets_of(self.answer)

    def bind(self, words: list[str], data: Any) -> dict[str, Any]:
        """Read the words as arguments: by position, `name=value` or `--name value`. Raises UsageError."""
        given: dict[str, str] = {}
        positions = list(self.positional)
        for name, value in self._pairs(words):
            if name is None and not positions:
                raise UsageError(f"too many arguments; usage: call {self.usage}")
            chosen = positions[0] if name is None else name
            if chosen in given:
                raise UsageError(f"{chosen} is given twice; usage: call {self.usage}")
            given[chosen] = value
            if chosen in positions:
                positions.remove(chosen)
        read = {name: self._read(name, value) for name, value in given.items()}
        if data is not None:
            if self.body is None or self.body in read:
                raise UsageError(f"--data has no argument to go to; usage: call {self.usage}")
            read[self.body] = _files(data, self.parameters[self.body])
        if missing := [name for name in self.required if name not in read]:
            hint = " (a JSON object, or --data)" if missing[0] == self.body else ""
            raise UsageError(f"{missing[0]} is missing{hint}; usage: call {self.usage}")
        return read

    def _pairs(self, words: list[str]) -> Iterator[tuple[str | None, str]]:
        rest = iter(words)
        for word in rest:
            bare, has_value, value = word.removeprefix("--").partition("=")
            name = bare.replace("-", "_")
            if word.startswith("--"):
                if name not in self.parameters:
                    near = difflib.get_close_matches(name, self.parameters, n=1)
                    meant = f"; did you mean --{near[0]}?" if near else ""
                    raise UsageError(f"{self.name} has no option --{bare}{meant}; usage: call {self.usage}")
                found = value if has_value else next(rest, None)
                if found is None:
                    raise UsageError(f"--{bare} needs a value")
                yield name, found
            elif has_value and name in self.parameters:
                yield name, value
            elif value and re.fullmatch("[a-z_]+", bare):
                hint = f"; fields of {self.body} go into --data '{{\"{bare}\": …}}'" if self.body else ""
                raise UsageError(f"{self.name} has no argument {bare}{hint}; usage: call {self.usage}")
            else:
                yield None, word

    def _read(self, name: str, text: str) -> Any:
        hint = self.parameters[name]
        try:
            return _files(json_object(text), hint) if _takes_record(hint) else _value(hint, text)
        except ValueError as wrong:
            raise UsageError(f"{name} {wrong}") from None


def find(target: str) -> Method:
    """Find a method by `area.method`. Raises UsageError, with names that are near."""
    area, _, name = target.partition(".")
    areas = [each for each, value in vars(AsyncBlaaiz).items() if isinstance(value, cached_property)]
    if area not in areas:
        raise UsageError(f"there is no area {area!r}; {_near(area, areas)}")
    module = importlib.import_module(f"blaaiz_async.services.{area}")
    service: type[Service] = next(each for each in vars(module).values() if _is_service(each, module.__name__))
    methods = {each: found for each, value in vars(service).items() if (found := _method(f"{area}.{each}", value))}
    if name not in methods:
        raise UsageError(f"{area} has no method {name!r} that makes a call; {_near(name, list(methods))}")
    return methods[name]


def _is_service(value: object, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Service) and value.__module__ == module


def _near(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or [each for each in names if name and name in each]
    return f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names)}"


def _method(name: str, value: object) -> Method | None:
    if name.partition(".")[2].startswith("_") or not inspect.isfunction(value):
        return None
    hints = get_type_hints(value)
    answer = hints.pop("return")
    iterates = get_origin(answer) is AsyncIterator
    if not iterates and not inspect.iscoroutinefunction(value):
        return None  # it makes no call
    parameters: dict[str, Any] = {}
    positional: list[str] = []
    required: list[str] = []
    for each in list(inspect.signature(value).parameters.values())[1:]:
        if each.kind is inspect.Parameter.VAR_KEYWORD:
            parameters |= get_type_hints(get_args(hints[each.name])[0])
        elif not any(get_origin(member) is Callable for member in _members(hints[each.name])):
            parameters[each.name] = hints[each.name]
            if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
                positional.append(each.name)
            if each.default is inspect.Parameter.empty:
                required.append(each.name)
    return Method(
        name=name,
        function=value,
        parameters=parameters,
        positional=tuple(positional),
        required=tuple(required),
        answer=get_args(answer)[0] if iterates else answer,
        iterates=iterates,
    )


# -- from words to values ----------------------------------------------------------------------------------------------


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object, numbers with a point as Decimal. Raises ValueError."""
    try:
        read = codec.from_json(text.encode())
    except ValueError:
        read = None
    if type(read) is not dict:
        raise ValueError('must be a JSON object such as {"name": "value"}')
    return cast("dict[str, Any]", read)


def secrets_of(kind: Any) -> list[str]:
    """Name the fields of a record class that hold a link, a token or a secret: those marked to stay out of a repr."""
    return [each.name for each in attrs.fields(kind) if each.repr is False] if attrs.has(kind) else []


def _members(hint: Any) -> tuple[Any, ...]:
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(member for member in members if member is not type(None))


def _takes_record(hint: Any) -> bool:
    return any(get_origin(member) is Mapping or is_typeddict(member) for member in _members(hint))


def _value(hint: Any, text: str) -> Any:
    members = _members(hint)
    if any(get_origin(member) is os.PathLike for member in members):
        return _path(text)
    kind = members[0]
    if get_origin(kind) is Literal:
        return _choice(text, get_args(kind))
    if kind is bool:
        return _choice(text, ("true", "false")) == "true"
    parse, what = _KINDS.get(kind, (str, "text"))
    try:
        return parse(text)
    except (ValueError, InvalidOperation):
        raise ValueError(f"must be {what}") from None


_KINDS: Mapping[Any, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    float: (float, "a number"),
    Decimal: (Decimal, "a decimal number"),
    date: (date.fromisoformat, "a date such as 2026-01-31"),
}


def _choice(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ValueError(f"must be one of {', '.join(choices)}")
    return text


def _files(record: dict[str, Any], hint: Any) -> dict[str, Any]:
    """Turn what names a file, where the parameter's class has a field for one, into its path."""
    no_kinds: dict[str, Any] = {}
    kinds = next((get_type_hints(member) for member in _members(hint) if is_typeddict(member)), no_kinds)
    files = {
        name
        for name, kind in kinds.items()
        if isinstance(record.get(name), str) and any(get_origin(member) is os.PathLike for member in _members(kind))
    }
    return {name: _path(value) if name in files else value for name, value in record.items()}


def _path(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"must be a file, and {text} is none")
    return path
