"""Tells the platform's deliveries from anybody else's (contract/events.yaml x-webhook-signature)."""

import hmac
import time
from binascii import unhexlify
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast, final

from blaaiz_async.errors import ConfigurationError, WebhookVerificationError
from blaaiz_async.webhooks.reading import read_event

if TYPE_CHECKING:
    from blaaiz_async.webhooks.events.union import AnyEvent

SIGNATURE_HEADER = "x-blaaiz-signature"
TIMESTAMP_HEADER = "x-blaaiz-timestamp"
TOLERANCE = 300.0
"""Seconds that a delivery's timestamp may lie from now: the documented advice (x-webhook-signature.tolerance)."""
_NO_HEADERS = (
    "a delivery's headers are a mapping of str, such as request.headers; of ASGI's list of pairs that is "
    "{name.decode(): value.decode() for name, value in scope['headers']}"
)


@final
class WebhookVerifier:
    """Verifies deliveries and reads them.

    Args:
        secrets: The signing secret that `webhooks.register` returned. While you rotate it, give the old and the new one; a
            delivery signed with any of them is taken. Neither the OAuth client secret nor an API key works here.
        tolerance: Seconds that a delivery's timestamp may lie from now, either way; None takes any age.
        clock: Tells the time as Unix seconds.

    Raises:
        ConfigurationError: There is no secret, an empty one, or a tolerance below zero.
    """

    __slots__ = ("_clock", "_keys", "_tolerance")

    def __init_subclass__(cls) -> None:
        raise TypeError("WebhookVerifier has no subclasses: webhook_app would call no method of theirs; check in a handler")

    def __init__(self, *secrets: str, tolerance: float | None = TOLERANCE, clock: Callable[[], float] = time.time) -> None:
        for secret in secrets or ("",):
            # Anybody can sign with an empty key. White space comes from files, and the platform doesn't sign with it.
            given = cast("object", secret)  # whatever a caller without a type checker gives
            if not isinstance(given, str) or not given or given != given.strip():
                raise ConfigurationError(
                    "WebhookVerifier needs the signing secret that webhooks.register returned, as a str without white space "
                    "around it; several are given one by one: WebhookVerifier(new, old)"
                )
        if tolerance is not None and not tolerance >= 0:
            raise ConfigurationError("the tolerance of a WebhookVerifier is a number of seconds from 0, or None for any age")
        self._keys = tuple(_Key(secret.encode()) for secret in secrets)
        self._tolerance = tolerance
        self._clock = clock

    def __repr__(self) -> str:
        return f"WebhookVerifier(<{len(self._keys)} secret(s)>, tolerance={self._tolerance})"

    def receive(self, body: bytes | str, headers: Mapping[str, str]) -> "AnyEvent":
        """Verify a delivery and read it. Answer it with 2xx at once and work afterwards; on an error, answer 400.

        Args:
            body: The request's body as it came, best its bytes. JSON that was parsed and written again has other bytes.
            headers: The request's headers, in any case.

        Raises:
            WebhookVerificationError: A header is missing, the signature is wrong, the timestamp is too far from now, or
                the body isn't a JSON object. The text says which, and shows nothing of the delivery.
            ConfigurationError: The body or the headers are given in another form.
        """
        body = _bytes(body)
        return read_event(body, self.verify(body, headers))

    def verify(self, body: bytes | str, headers: Mapping[str, str]) -> datetime:
        """Verify a delivery without reading it, such as to store its bytes and read them later with `read_event`.

        Args:
            body: The request's body as it came, best its bytes.
            headers: The request's headers, in any case.

        Returns:
            The time at which it was verified, in UTC.

        Raises:
            WebhookVerificationError: As for `receive`, but the body may be anything that was signed.
            ConfigurationError: The body or the headers are given in another form.
        """
        try:
            signature, timestamp = headers.get(SIGNATURE_HEADER), headers.get(TIMESTAMP_HEADER)
            if not signature or not timestamp:
                signature, timestamp = _in_any_case(headers)
        except AttributeError:
            raise ConfigurationError(_NO_HEADERS) from None
        return self.verify_raw(_bytes(body), signature=_encoded(signature), timestamp=_encoded(timestamp))

    def verify_raw(self, body: bytes, *, signature: bytes, timestamp: bytes) -> datetime:
        """Verify a delivery as `verify` does, from what ASGI gives.

        Args:
            body: The request's body as it came.
            signature: The value of `x-blaaiz-signature`; empty if there is none.
            timestamp: The value of `x-blaaiz-timestamp`; empty if there is none.

        Returns:
            The time at which it was verified, in UTC.

        Raises:
            WebhookVerificationError: As for `verify`.
        """
        if not signature or not timestamp:
            missing = [name for name, value in ((SIGNATURE_HEADER, signature), (TIMESTAMP_HEADER, timestamp)) if not value]
            raise WebhookVerificationError(f"the delivery has no {' and no '.join(missing)} header")
        now = self._clock()
        if not self._has_signed(body, signature, timestamp):
            raise WebhookVerificationError(
                "the signature doesn't match: another secret, another timestamp, or not the bytes that were signed"
            )
        if self._tolerance is not None:
            _check_age(timestamp, now, self._tolerance)
        return datetime.fromtimestamp(now, UTC)

    def has_signed(self, body: bytes | str, *, signature: str, timestamp: str) -> bool:
        """Tell whether a signature was made with one of the secrets, whatever its age.

        Args:
            body: The request's body as it came, best its bytes.
            signature: As in `x-blaaiz-signature`: 64 hexadecimal digits; upper case is taken too, as official SDKs do.
            timestamp: As in `x-blaaiz-timestamp`: Unix seconds.

        Raises:
            ConfigurationError: The body or a header's value is given in another form.
        """
        return self._has_signed(_bytes(body), _encoded(signature), _encoded(timestamp))

    def _has_signed(self, body: bytes, signature: bytes, timestamp: bytes) -> bool:
        if b"." in timestamp:
            return False  # the dot ends the timestamp: past it, a part of the body could pass for a part of the timestamp
        try:
            received = unhexlify(signature)
        except ValueError:
            return False
        signed = timestamp + b"." + body
        fits = False
        for key in self._keys:  # all of them, so that the time taken doesn't tell which one fits
            fits |= hmac.compare_digest(key.sign(signed), received)
        return fits


class _Key:
    """HMAC-SHA-256 with one secret (RFC 2104), which is hashed once; a copy of what `hmac` makes costs a half more."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: bytes) -> None:
        block = (sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def sign(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


_BLOCK = sha256().block_size


def _check_age(timestamp: bytes, now: float, tolerance: float) -> None:
    if not (timestamp.isdigit() and len(timestamp) <= 15):
        raise WebhookVerificationError(f"{TIMESTAMP_HEADER} isn't a number of Unix seconds")
    age = now - int(timestamp)
    if abs(age) > tolerance:
        raise WebhookVerificationError(
            f"the delivery was signed {abs(age):.0f} s {'ago' if age > 0 else 'ahead of now'}, and the tolerance is "
            f"{tolerance:g} s; if it is fresh, set this machine's clock right"
        )


def _encoded(value: object) -> bytes:
    if not isinstance(value, str):
        raise ConfigurationError(_NO_HEADERS)
    # Headers may hold anything at all: whatever can be in a str has bytes of its own here, and none raises.
    return value.encode("utf-8", "surrogatepass")


def _bytes(body: object) -> bytes:
    if type(body) is bytes:
        return body
    if isinstance(body, str):
        # Whatever can be in a str has bytes of its own; half a surrogate pair was never signed.
        return body.encode("utf-8", "surrogatepass")
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(cast("Any", body))
    raise ConfigurationError("a delivery's body is the bytes of the request as they came, or their text; not parsed JSON")


def _in_any_case(headers: Mapping[str, str]) -> tuple[str, str]:
    if any(isinstance(cast("object", name), bytes) for name in headers):
        raise ConfigurationError(_NO_HEADERS)
    given = {name.lower(): value for name, value in headers.items()}
    return given.get(SIGNATURE_HEADER) or "", given.get(TIMESTAMP_HEADER) or ""
