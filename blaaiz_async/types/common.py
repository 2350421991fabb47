"""Answers that several API areas share."""

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen

from blaaiz_async.core.codec import Answer, Id, TextOrTexts


@frozen(kw_only=True, repr=False)
class Message(Answer):
    """An answer that is only a message."""

    _shown: ClassVar[tuple[str, ...]] = ("message",)

    message: str | None = None
    """The platform's own words."""


@frozen(kw_only=True, repr=False)
class UploadTarget(Answer):
    """Where to PUT a file, and with which headers. The URL is a secret: whoever has it can write the file."""

    _shown: ClassVar[tuple[str, ...]] = ("file_id",)

    file_id: Id
    """What to attach after the upload."""
    url: str = field(repr=False)
    """Presigned, for a single PUT within 5 minutes. Use it unchanged."""
    headers: Mapping[str, TextOrTexts] = field(factory=dict[str, TextOrTexts])
    """Every header that belongs to the signature. An array of values is joined with a comma."""
    message: str | None = None


@frozen(kw_only=True, repr=False)
class IdentificationType(Answer):
    """Which identifier belongs into `tin`."""

    _shown: ClassVar[tuple[str, ...]] = ("label", "type")

    label: str
    """Text to show beside the input, such as "SSN" or "BVN"."""
    type: str
    """Code of the identifier."""
