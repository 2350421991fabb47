"""The sandbox behind the proxy, in a process of its own: `python -m tests.laboratory.platform SEED SHARE`.

It prints where it is, and for every line of its standard input the ledger: what was committed, by the mark of the call.
"""

import asyncio
import json
import sys
from collections import Counter
from decimal import Decimal
from urllib.parse import urlsplit

from blaaiz_async import AsyncBlaaiz
from blaaiz_async.sandbox import Sandbox
from blaaiz_async.sandbox.server import running
from blaaiz_async.sandbox.treasury import Treasury
from tests.laboratory.proxy import Proxy
from tests.people import ADA


def ledger(sandbox: Sandbox) -> Counter[str]:
    """Count what the platform has committed, from its own state."""
    with sandbox.state.lock:
        rows = sandbox.state.book(Treasury).transactions.values()
        made = Counter(f"{each.type} {each.amount:.2f}" for each in rows)
        made.update(f"crypto {Decimal(each['amount']):.5f}" for each in sandbox.crypto.transactions.values())
        made.update(f"customer {each.fields['email']}" for each in sandbox.state.customers.values())
        made.update(f"session {each.customer_reference}" for each in sandbox.signa.sessions.values())
    return made


async def furnish(sandbox: Sandbox) -> dict[str, str]:
    """Make what the calls need, and tell its ids."""
    for currency in ("USD", "NGN"):
        sandbox.set_balance(currency, 10**10)
    sandbox.signa.open_cap = 10**9  # nobody completes them here
    async with (
        sandbox.http_client() as http_client,
        AsyncBlaaiz(
            client_id="sandbox-client",
            client_secret="sandbox-secret",
            base_url="http://sandbox.test",
            http_client=http_client,
            budget=None,
        ) as blaaiz,
    ):
        customer = await blaaiz.customers.create(ADA)
        await blaaiz.customers.upload_file_complete(
            customer.id, {"file": b"\xff\xd8\xff" + bytes(9), "file_category": "identity"}
        )
        sandbox.decide(customer.id, "VERIFIED")
        coins = next(each for each in await blaaiz.crypto.list_wallets() if each.asset and each.asset.symbol == "USDC")
        return {
            "customer": customer.id,
            "unverified": (await blaaiz.customers.create({**ADA, "email": "b@example.com", "id_number": "B1"})).id,
            "USD": (await blaaiz.wallets.by_currency("USD")).id,
            "NGN": (await blaaiz.wallets.by_currency("NGN")).id,
            "bank": (await blaaiz.banks.list())[0].id,
            "USDC": coins.id,
        }


async def main(seed: int, share: float) -> None:
    """Serve until standard input closes."""
    sandbox = Sandbox(limits=None)
    ids = await furnish(sandbox)
    async with running(sandbox) as url:
        port = urlsplit(url).port
        assert port is not None
        proxy = Proxy(upstream=port, seed=seed, share=share, revoke=sandbox.revoke_tokens)
        print(json.dumps({"url": f"http://127.0.0.1:{await proxy.listen()}", **ids}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(
                json.dumps({"made": ledger(sandbox), "attempts": proxy.attempts, "struck": proxy.struck}),
                flush=True,
            )


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        runner.run(main(int(sys.argv[1]), float(sys.argv[2])))
