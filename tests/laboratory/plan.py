"""Which fault strikes which attempt: drawn from the seed, the call and its attempt alone, whatever runs beside it."""

import random
import time
from email.utils import formatdate

from attrs import frozen

STATUSES = (500, 502, 503, 504)
KINDS = {
    "cut before": 3,
    "cut after commit": 4,
    "cut inside the answer": 4,
    "status before": 4,
    "status after commit": 4,
    "429": 4,
    "429 for a second": 0.1,
    "html before": 1,
    "html after commit": 2,
    "token revoked": 0.05,
    "hang before": 0.4,
    "hang after commit": 0.4,
    "reset before read": 2,
    "refused": 0.4,
    "delay": 1,
    "empty before": 1,
    "empty after commit": 1,
    "sent twice": 3,
    "not listed yet": 6,
}
"""What can strike a call, by weight."""
KEYED = "-keyed"
"""How the names of the calls end that carry a key."""
WITHOUT_EFFECT = frozenset(
    {
        *("cut before", "status before", "429", "429 for a second", "html before", "hang before"),
        *("reset before read", "refused", "empty before", "not listed yet"),
    }
)


@frozen(kw_only=True)
class Strike:
    """What happens to one attempt."""

    kind: str | None
    chance: random.Random
    """Decides what is left open: the status, RST or FIN, where the cut is."""

    @property
    def commits(self) -> int:
        """How often the request reaches the platform."""
        return 0 if self.kind in WITHOUT_EFFECT else 2 if self.kind == "sent twice" else 1


def strike(seed: int, call: str, attempt: int, share: float, *, looks: bool = False) -> Strike:
    """Draw what happens to this attempt of this call, which may look for a transaction that was made."""
    chance = random.Random(f"{seed}/{call}/{attempt}")
    # What is sent twice without a key takes effect twice, and nobody but the gateway could hinder it.
    apart = {*(() if call.endswith(KEYED) else ("sent twice",)), *(() if looks else ("not listed yet",))}
    kinds = {kind: weight for kind, weight in KINDS.items() if kind not in apart}
    struck = chance.random() < share
    return Strike(kind=chance.choices(list(kinds), list(kinds.values()))[0] if struck else None, chance=chance)


def too_many(chance: random.Random) -> list[tuple[str, str]]:
    """Return the headers of a 429: none, and every way to be of no help."""
    now = time.time()
    odd = ("retry-after", "soon"), ("retry-after", "0"), ("retry-after", formatdate(now - 60, usegmt=True))
    reset = ("x-ratelimit-reset", str(int(now) - 3600)), ("x-ratelimit-reset", "-1"), ("x-ratelimit-reset", "nonsense")
    return [*chance.sample(odd, chance.randint(0, 1)), *chance.sample(reset, chance.randint(0, 1))]


def for_a_second(chance: random.Random) -> tuple[str, str]:
    """Return a header that tells when to come again, in each of its forms."""
    now = time.time()
    forms = ("retry-after", "1"), ("retry-after", formatdate(now + 1, usegmt=True)), ("x-ratelimit-reset", str(int(now) + 1))
    return chance.choice(forms)
