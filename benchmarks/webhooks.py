"""What it costs to verify and to read a delivery, against the bare HMAC of the same bytes, all in turn in one process.

Every figure is CPU time per delivery, the median over rounds.
"""

import hmac
import statistics
import time
from collections.abc import Callable

import msgspec
from attrs import frozen

from blaaiz_async import contract
from blaaiz_async.webhooks import WebhookVerifier

SECRET = "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9t0"
NOW = 1787995865
SERVED = {
    "Host": "shop.example",
    "User-Agent": "Blaaiz",
    "Content-Type": "application/json",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "X-Forwarded-For": "34.248.16.185",
    "X-Forwarded-Proto": "https",
}
"""Headers besides the platform's two, as a server behind a proxy sees them."""


@frozen(kw_only=True)
class Cost:
    """CPU microseconds per delivery."""

    bytes: int
    hmac: float
    verify: float
    rotating: float
    """With two secrets, the delivery signed with the second: two HMACs."""
    receive: float
    """Verified and read as its class."""


def body(size: int) -> bytes:
    """Return the documented body of a completed payout, made longer by a key of the platform's to come."""
    content = contract.document("events")["webhooks"]["payout.completed"]["post"]["requestBody"]["content"]
    payload = content["application/json"]["examples"]["cad_interac"]["value"]
    plain = msgspec.json.encode(payload)
    return plain if len(plain) >= size else msgspec.json.encode({**payload, "new": "x" * (size - len(plain) - 9)})


def measure(*, size: int, rounds: int, calls: int) -> Cost:
    """Measure all contenders in turn, `rounds` times, and return the medians."""
    sent, key, timestamp = body(size), SECRET.encode(), str(NOW)
    signed = timestamp.encode() + b"." + sent
    headers = {
        **SERVED,
        "X-Blaaiz-Timestamp": timestamp,
        "X-Blaaiz-Signature": hmac.digest(key, signed, "sha256").hex(),
    }
    one, two = (WebhookVerifier(*secrets, clock=lambda: NOW + 1.5) for secrets in ((SECRET,), ("old" + SECRET, SECRET)))
    contenders: dict[str, Callable[[], object]] = {
        "hmac": lambda: hmac.digest(key, signed, "sha256"),
        "verify": lambda: one.verify(sent, headers),
        "rotating": lambda: two.verify(sent, headers),
        "receive": lambda: one.receive(sent, headers),
    }
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():  # warm-up: generated code
        _cpu_per_call(call, 100)
    for _ in range(rounds):
        for name, call in contenders.items():
            figures[name].append(_cpu_per_call(call, calls))
    return Cost(bytes=len(sent), **{name: statistics.median(values) for name, values in figures.items()})


def _cpu_per_call(call: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - started) / calls * 1e6


def main(*, quick: bool) -> bool:
    """Print the table, and tell whether verifying costs at most 30 µs above the bare HMAC."""
    rounds, number = (5, 500) if quick else (21, 2000)
    print("CPU per webhook delivery, µs\n")
    print("| bytes | HMAC | verify | verify - HMAC | verify : HMAC | with two secrets | verify and read |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    held = True
    for size in (0, 4096, 65536):
        row = measure(size=size, rounds=rounds, calls=number)
        print(
            f"| {row.bytes} | {row.hmac:.1f} | {row.verify:.1f} | {row.verify - row.hmac:.1f} "
            f"| {row.verify / row.hmac:.2f} | {row.rotating:.1f} | {row.receive:.1f} |",
            flush=True,
        )
        held = held and row.verify - row.hmac <= 30
    return held
