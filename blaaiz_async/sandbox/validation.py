"""Requests against the contract's schemas and cross-field rules, refused in the platform's 422 shape."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from blaaiz_async import contract
from blaaiz_async.contract.validators import inline

from .clock import is_adult, is_future, is_past
from .countries import is_postal_code
from .exchange import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from blaaiz_async.contract import DocName
    from blaaiz_async.contract.validators import Finding, Validator

    from .exchange import Refusal

__all__ = ["Errors", "properties"]

_FORMATS = {
    "email": "must be a valid email address",
    "date": "must be a valid date",
    "date-time": "must be a valid date and time",
    "uuid": "must be a valid UUID",
    "uri": "must be a valid URL",
}
_TYPES = {
    "string": "must be a string",
    "number": "must be a number",
    "integer": "must be an integer",
    "boolean": "must be true or false",
    "array": "must be an array",
    "object": "must be an object",
}
_COUNTRY = re.compile("[A-Z]{2}")
_BOUNDS = {
    "minLength": "must be at least {} characters",
    "maxLength": "must not be greater than {} characters",
    "minimum": "must be at least {}",
    "maximum": "must not be greater than {}",
    "minItems": "must have at least {} items",
    "maxItems": "must not have more than {} items",
    "pattern": "format is invalid",
    "uniqueItems": "has a duplicate value",
}
COUNTRY_FIELDS = ("country", "incorporation_country", "operating_country", "nationality", "id_document_country")


class Errors:
    """Faults of one request, by field; a field's first fault is found first."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, field: str, text: str) -> None:
        """Note a fault.

        Args:
            field: dotted path such as `owners.0.street`.
            text: what follows "The … field", without the final stop.
        """
        self.say(field, f"The {_spoken(field)} field {text}.")

    def say(self, field: str, text: str) -> None:
        """Note a fault in its own words, once."""
        texts = self._found.setdefault(field, [])
        if text not in texts:
            texts.append(text)

    def check(self, name: str, body: object, doc: DocName = "customers") -> None:
        """Note every fault that a schema of the contract finds in a body."""
        for finding in _validator(doc, name).iter_errors(body):
            self._note(finding)

    def require(self, body: dict[str, Any], fields: Iterable[str], prefix: str = "") -> None:
        """Note fields that are there but empty: the platform takes an empty text for none."""
        for field in fields:
            if body.get(field) == "":
                self.add(prefix + field, "is required")

    def prohibit(self, body: dict[str, Any], fields: Iterable[str], type: str) -> None:
        """Note fields that do not belong to the customer's type, in the documented words."""
        for field in fields:
            if field in body:
                self.say(field, f"The {_spoken(field)} field is prohibited when type is {type}.")

    def countries(self, body: dict[str, Any], prefix: str = "") -> None:
        """Note country fields that are not two capitals; whether such a country exists is a matter of submit."""
        for field in COUNTRY_FIELDS:
            value = body.get(field)
            if isinstance(value, str) and _COUNTRY.fullmatch(value) is None:
                self.add(prefix + field, "must be a valid ISO 3166-1 alpha-2 country code")

    def postal(self, body: dict[str, Any], field: str, country: object) -> None:
        """Note a postal code that does not look like one of the country."""
        value, known = body.get(field), country if isinstance(country, str) else None
        if isinstance(value, str) and not is_postal_code(value, known):
            self.say(field, f"The {_spoken(field)} is not a valid postal code for {known or 'the country'}.")

    def past(self, body: dict[str, Any], field: str, on: date) -> None:
        """Note a day that is not before today."""
        self._day(body, field, "", lambda day: is_past(day, on), "must be a date before today")

    def owners(self, owners: object, on: date) -> None:
        """Note what is wrong with owners beyond their schema: age, expiry, countries (customers_create)."""
        for index, owner in enumerate(cast("list[object]", owners) if isinstance(owners, list) else []):
            if isinstance(owner, dict):
                entry, prefix = cast("dict[str, Any]", owner), f"owners.{index}."
                self.require(entry, ("first_name", "last_name"), prefix)
                self.countries(entry, prefix)
                adult, ahead = "must be at least 18 years ago", "must be a future date"
                self._day(entry, "date_of_birth", prefix, lambda day: is_adult(day, on), adult)
                self._day(entry, "id_expiry_date", prefix, lambda day: is_future(day, on), ahead)

    def refuse(self) -> None:
        """Refuse the call with 422 if anything was found."""
        if self._found:
            raise self.refusal()

    def refusal(self) -> Refusal:
        """Make the 422 that tells of everything found."""
        texts = [text for of_field in self._found.values() for text in of_field]
        more = len(texts) - 1
        tail = f" (and {more} more error{'s' if more > 1 else ''})" if more else ""
        return refuse(422, texts[0] + tail, errors=self._found)

    def _day(self, body: dict[str, Any], field: str, prefix: str, holds: Callable[[date], bool], text: str) -> None:
        value = body.get(field)
        if isinstance(value, str):
            try:
                day = date.fromisoformat(value)
            except ValueError:
                return  # the schema has said so
            if not holds(day):
                self.add(prefix + field, text)

    def _note(self, finding: Finding) -> None:
        path = ".".join(str(part) for part in finding.absolute_path)
        match finding.validator:
            case "required":
                for name in finding.validator_value:
                    if name not in finding.instance:
                        self.add(f"{path}.{name}" if path else name, "is required")
            case "enum" | "anyOf":
                self.say(path, f"The selected {_spoken(path)} is invalid.")
            case "oneOf":
                names = [name for each in finding.validator_value for name in each.get("required", ())]
                for name in names:
                    self.say(f"{path}.{name}" if path else name, f"Exactly one of {' and '.join(names)} must be sent.")
                if not names:
                    self.say(path, f"The selected {_spoken(path)} is invalid.")
            case rule:
                self.add(path, _words(rule, finding))


def properties(name: str, doc: DocName = "customers") -> frozenset[str]:
    """Give the property names of an object schema."""
    return frozenset(contract.schema(doc, name)["properties"])


@cache
def _validator(doc: DocName, name: str) -> Validator:
    return inline(doc, name)


def _words(rule: str, finding: Finding) -> str:
    bound: Any = finding.validator_value
    if rule == "type":
        return _TYPES[bound[0] if isinstance(bound, list) else bound]
    if rule == "format":
        return _FORMATS[bound]
    return _BOUNDS[rule].format(bound)


def _spoken(field: str) -> str:
    # Laravel spells a plain field with spaces and leaves a dotted path alone.
    return field if "." in field else field.replace("_", " ")
