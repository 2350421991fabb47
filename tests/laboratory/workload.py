"""Calls of every safety through the laboratory, and whether each ended in the truth."""

import contextlib
import json
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import anyio
import httpx
from attrs import Factory, define, frozen

from blaaiz_async import (
    AsyncBlaaiz,
    BlaaizError,
    MemoryTokenStore,
    NgnBankTransfer,
    OutcomeUnknownError,
    Payout,
    RetryPolicy,
    SendAmount,
)
from tests.laboratory.plan import strike

AT_ONCE = 64
RETRY = RetryPolicy(wait_initial=0.005, wait_max=0.05)  # attempts and deadline as they are by default


class Laboratory:
    """A platform that fails by seed, in a process of its own."""

    def __init__(self, seed: int, share: float) -> None:
        self.seed, self.share = seed, share
        command = [sys.executable, "-m", "tests.laboratory.platform", str(seed), str(share)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ids: dict[str, str] = self._read()
        self.url = self.ids["url"]

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def ledger(self) -> dict[str, Any]:
        """Return what was committed and what was struck so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return dict(self._read())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def laboratory(seed: int, *, share: float = 0.4) -> Iterator[Laboratory]:
    """Run a laboratory."""
    made = Laboratory(seed, share)
    try:
        yield made
    finally:
        made.close()


@frozen(kw_only=True)
class Work:
    """One logical call."""

    safety: str
    mark: str | None
    """Under which the ledger counts what it commits; None if it commits nothing that could be counted."""
    call: Callable[[AsyncBlaaiz], Awaitable[Any]]
    tells: Callable[[Any], bool] = lambda _: True
    """Whether the answer is of this very call."""

    def name_of(self, number: int) -> str:
        """Return the call's name in the laboratory, which tells whether it carries a key."""
        return f"{number}-{self.safety}"


@define
class Outcome:
    """How the calls ended."""

    calls: int = 0
    seconds: float = 0.0
    ended: Counter[str] = Factory(Counter)
    attempts: int = 0
    struck: Counter[str] = Factory(Counter)
    twice: list[str] = Factory(list)
    untruthful: list[str] = Factory(list)
    unresolved: list[str] = Factory(list)
    """Keyed calls whose outcome stayed unknown."""
    unknown: int = 0
    """Unkeyed writes whose outcome is unknown, as it has to be."""

    @property
    def share(self) -> float:
        """The faulty attempts among all."""
        return sum(self.struck.values()) / max(1, self.attempts)


def work(number: int, ids: dict[str, str]) -> Work:
    """Return the call of this number."""
    amount = Decimal(2000 + number) / 100
    email = f"n{number}@example.com"

    def payout(reference: str | None) -> Payout:
        return Payout(
            wallet_id=ids["USD"],
            customer_id=ids["customer"],
            from_currency_id="USD",
            to_currency_id="NGN",
            amount=SendAmount(amount),
            destination=NgnBankTransfer(bank_id=ids["bank"], account_number="0123456789"),
            merchant_reference=reference,
        )

    customer = {
        "type": "individual",
        "email": email,
        "country": "NG",
        "first_name": "Ada",
        "last_name": "Obi",
        "id_type": "passport",
        "id_number": f"A{number:07}",
    }
    coins = {
        "customer_id": ids["customer"],
        "wallet_id": ids["USDC"],
        "amount": amount / 1000,
        "address": "0x742d35Cc6634C0532925a3b844Bc9e7595f6E123",
        "network": "MATIC_MAINNET",
        "token": "USDC",
    }
    session: dict[str, Any] = {"customer_reference": f"n{number}", "requirements": ["DOCUMENTS", "SELFIE", "FACE_MATCH"]}
    session |= {"applicant": {"first_name": "Amara", "last_name": "Okafor", "dob": "1993-04-17", "country": "NGA"}}
    card: dict[str, Any] = {
        "method": "card",
        "wallet_id": ids["USD"],
        "customer_id": ids["customer"],
        "card_holder_name": "Ada Obi",
        "card_number": "4242424242424242",
        "expiry": "12/40",
        "cvc": "123",
        "phone": "+2348012345678",
        "redirect_url": "https://merchant.example.com/callback",
    }
    swap: dict[str, Any] = {"from_business_wallet_id": ids["USD"], "to_business_wallet_id": ids["NGN"]}
    every = [
        Work(safety="read", mark=None, call=lambda b: b.customers.get(ids["customer"])),
        Work(
            safety="keyed",
            mark=f"payout {amount:.2f}",
            call=lambda b: b.payouts.initiate(payout(f"mine-{number}")),
            tells=lambda done: done.merchant_reference == f"mine-{number}" and done.amount == amount,
        ),
        Work(
            safety="write",
            mark=f"customer {email}",
            call=lambda b: b.customers.create(customer),
            tells=lambda done: done.email in (email, None),
        ),
        Work(
            safety="keyed",
            mark=f"payout {amount:.2f}",
            call=lambda b: b.payouts.initiate(payout(None)),
            tells=lambda done: done.amount == amount,
        ),
        Work(
            safety="write",
            mark=f"swap {amount:.2f}",
            call=lambda b: b.swaps.initiate({**swap, "amount": amount, "amount_type": "from"}),
        ),
        Work(
            safety="keyed",
            mark=f"session n{number}",
            call=lambda b: b.signa.create_session(session),
            tells=lambda done: done.customer_reference == f"n{number}",
        ),
        Work(safety="read", mark=None, call=lambda b: b.rates.list()),
        Work(
            safety="keyed",
            mark=f"collection {amount:.2f}",
            call=lambda b: b.collections.initiate({**card, "amount": amount, "merchant_reference": f"card-{number}"}),
            tells=lambda done: done.merchant_reference == f"card-{number}",
        ),
        Work(
            safety="write",
            mark=f"collection {amount:.2f}",
            call=lambda b: b.collections.initiate_interac_money_request({"amount": amount, "email": email}),
        ),
        Work(
            safety="idempotent",
            mark=None,
            call=lambda b: b.files.get_presigned_url({"customer_id": ids["unverified"], "file_category": "identity"}),
        ),
        Work(
            safety="keyed",
            mark=f"collection {amount:.2f}",
            call=lambda b: b.collections.initiate({**card, "amount": amount}),
        ),
        Work(
            safety="idempotent",
            mark=None,
            call=lambda b: b.customers.update(ids["unverified"], {"city": f"Lagos {number}"}),
        ),
        Work(
            safety="keyed",
            mark=f"crypto {amount / 1000:.5f}",
            call=lambda b: b.crypto.create_payout(coins, idempotency_key=f"coins-{number}"),
        ),
    ]
    return every[number % len(every)]


async def run(lab: Laboratory, calls: int, http_client: httpx.AsyncClient | None) -> Outcome:
    """Make the calls, and compare how each ended with what the platform committed."""
    outcome, ends = Outcome(calls=calls), dict[int, BaseException | None]()
    left = iter(range(calls))
    started = anyio.current_time()
    async with AsyncBlaaiz(
        client_id="sandbox-client",
        client_secret="sandbox-secret",
        base_url=lab.url,
        budget=None,
        retry=RETRY,
        timeout=1.0,
        http_client=http_client,
        token_store=MemoryTokenStore(),
    ) as blaaiz:

        async def worker() -> None:
            for number in left:
                each = work(number, lab.ids)
                try:
                    done = await each.call(blaaiz.with_options(extra_headers={"x-lab-call": each.name_of(number)}))
                except Exception as error:  # noqa: BLE001  # whatever left the library is judged
                    ends[number] = error
                else:
                    ends[number] = None if each.tells(done) else AssertionError(f"the answer is another's: {done!r}")

        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(worker)
    outcome.seconds = anyio.current_time() - started
    told = lab.ledger()
    outcome.attempts, outcome.struck = told["attempts"], Counter(told["struck"])
    for number, end in sorted(ends.items()):
        _judge(outcome, lab, number, end, told["made"])
    assert calls == len(ends)
    return outcome


def _judge(outcome: Outcome, lab: Laboratory, number: int, end: BaseException | None, made: dict[str, int]) -> None:
    each = work(number, lab.ids)
    outcome.ended[f"{each.safety}: {'done' if end is None else type(end).__name__}"] += 1
    commits = made.get(each.mark, 0) if each.mark else None

    def told() -> str:
        plan = [strike(lab.seed, each.name_of(number), attempt, lab.share).kind or "-" for attempt in range(12)]
        trace = "" if end is None or isinstance(end, BlaaizError) else "".join(traceback.format_exception(end))
        return f"call {number} ({each.safety}, {each.mark}): {end!r}, {commits} commits; seed {lab.seed}: {plan} {trace}"

    if commits is not None and commits > 1:
        outcome.twice.append(told())
    if isinstance(end, OutcomeUnknownError):
        if each.safety == "write":
            outcome.unknown += 1
        elif each.safety == "keyed":
            outcome.unresolved.append(told())
    elif end is None:
        if commits == 0:
            outcome.untruthful.append(told())
    elif not isinstance(end, BlaaizError) or commits:
        outcome.untruthful.append(told())
