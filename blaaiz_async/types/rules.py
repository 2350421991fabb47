"""Field types with a rule: what the contract says of a single value, hung on `str`, `int` and so on with Annotated."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated

from blaaiz_async.core.codec import Rule
from blaaiz_async.types.countries import ALPHA_2

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>.]+(\.[^@\s,;<>.]+)+")


def is_email(value: str) -> bool:
    """Tell whether this looks like one e-mail address: it has a local part and a dotted domain."""
    return len(value) <= 254 and _EMAIL.fullmatch(value) is not None


def longest(limit: int) -> Rule:
    """Return the rule that a text holds at most `limit` characters."""
    return Rule("max_length", lambda value: len(value) <= limit, f"at most {limit} characters long")


def between(low: int, high: int) -> Rule:
    """Return the rule that a text holds `low` to `high` characters."""
    return Rule("length", lambda value: low <= len(value) <= high, f"{low} to {high} characters long")


FILLED = Rule("empty", lambda value: bool(value.strip()), "filled in, not empty")

# Control characters, and those that turn the direction of what follows: nobody types them, and they hide things.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
VISIBLE = Rule("control_character", lambda value: _HIDDEN.search(value) is None, "one line without control characters")

Text = Annotated[str, FILLED, VISIBLE]
"""One line of text with something in it: the platform treats an empty string as missing."""

CurrencyRef = Annotated[
    str,
    FILLED,
    VISIBLE,
    Rule(
        "currency",
        lambda value: value.isupper() or not (len(value) == 3 and value.isalpha()),
        "a currency's id, or its code in capitals, such as NGN",
    ),
]
"""A currency by its id or by its ISO 4217 code, in capitals."""

Email = Annotated[str, VISIBLE, Rule("email", is_email, "an e-mail address such as ada@example.com")]

Country = Annotated[
    str,
    Rule("country", ALPHA_2.__contains__, "an ISO 3166-1 alpha-2 country code in capitals, such as NG"),
]
"""ISO 3166-1 alpha-2, in capitals."""

Uuid = Annotated[
    str,
    Rule(
        "uuid",
        lambda value: re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", value) is not None,
        "an id of the platform's, such as 9d4c4ec5-59ea-4130-bf8a-6a5edec401ee",
    ),
]
"""An id that the contract states to be a UUID; most ids are opaque."""

Phone = Annotated[
    str,
    Rule(
        "phone",
        lambda value: re.fullmatch(r"\+[1-9]\d{6,14}", value, re.ASCII) is not None,
        "a phone number in E.164 form, such as +2348012345678",
    ),
]
"""E.164: a plus sign, the country code and the number, without spaces."""

Website = Annotated[
    str,
    Rule(
        "uri",
        lambda value: re.fullmatch(r"https?://[^\s/]+\S*", value) is not None,
        "a web address such as https://example.com",
    ),
]

HttpsUrl = Annotated[
    str,
    Rule(
        "uri",
        lambda value: re.fullmatch(r"https://[^\s/?#]+\S*", value) is not None,
        "an https address such as https://example.com/done",
    ),
]

Percentage = Annotated[
    Decimal | int,
    Rule("range", lambda value: 0 <= value <= 100, "from 0 to 100"),
]
"""Per cent, 0 to 100, exact. Sent as a JSON number."""


def adult_on(today: date, birth: date) -> bool:
    """Tell whether somebody born on `birth` is at least 18 years old on `today`."""
    had_birthday = (today.month, today.day) >= (birth.month, birth.day)
    return today.year - birth.year - (0 if had_birthday else 1) >= 18
