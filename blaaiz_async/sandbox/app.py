"""The sandbox: an ASGI app that answers as the platform does, and the knobs that steer it."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

import anyio
import attrs

from . import (
    auto_deposit,
    crypto,
    crypto_payouts,
    crypto_swaps,
    customers,
    documents,
    files,
    money,
    owners,
    signa,
    signa_documents,
    signa_id,
    storage,
    upgrade,
    verification,
    views,
    webhooks,
)
from .auto_deposit import AutoDeposit
from .connection import await_disconnect, break_off, live, read_body, send_answer, send_part
from .control import control_app
from .crypto_wallets import Crypto
from .delivery import Webhooks
from .exchange import Answer, Exchange, Refusal, refuse
from .faults import FaultKind, Faults
from .idempotency import IdempotencyKeys
from .journal import Call, Journal
from .limits import TIGHTER, Limiter, Limits
from .money_knobs import MoneyKnobs
from .oauth import Authority, Credential
from .routes import Routes
from .signa_id import SignaId
from .signa_sessions import Signa
from .state import Platform, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpx

    from .connection import Receive, Scope, Send
    from .faults import Fault
    from .routes import Match

__all__ = ["Sandbox"]

_CREDENTIALS: Mapping[str, str | Credential] = {"sandbox-client": "sandbox-secret"}
_LIMITS = Limits()
_VERDICT = Verdict.verify()

_API: dict[str, Callable[[Platform, Exchange], Answer]] = {
    **customers.HANDLERS,
    **files.HANDLERS,
    **owners.HANDLERS,
    **documents.HANDLERS,
    **upgrade.HANDLERS,
    **verification.HANDLERS,
    **money.HANDLERS,
    **signa.HANDLERS,
    **signa_documents.HANDLERS,
    **signa_id.HANDLERS,
    **crypto.HANDLERS,
    **crypto_payouts.HANDLERS,
    **crypto_swaps.HANDLERS,
    **auto_deposit.HANDLERS,
    **webhooks.HANDLERS,
}
"""Every operation of the API; a new area adds its HANDLERS here."""


class Sandbox(MoneyKnobs):
    """A local stand-in for the Blaaiz platform, written from the contract alone.

    Args:
        credentials: client secrets, or `Credential`s with fewer scopes, by client id.
        limits: rate limits, or None for none.
        token_lifetime: seconds an access token lives.
        verdict: what becomes of customers handed over for verification.
        minimal_kyb: whether the platform is on the Minimal allow list.
        latency: seconds between carrying a call out and answering it, or a function of the operationId that gives them.
        now: the wall clock, epoch seconds; every expiry, window and timestamp uses it.
        seed: of ids and tokens, so that runs repeat; None for the system's entropy.
        upload_envelope: how owner and document upload targets come: `documented` (under data), `flat`, or `arrays`
            (flat, header values as lists), the variants under x-uncertain.
    """

    def __init__(
        self,
        *,
        credentials: Mapping[str, str | Credential] = _CREDENTIALS,
        limits: Limits | None = _LIMITS,
        token_lifetime: float = 900.0,
        verdict: Verdict = _VERDICT,
        minimal_kyb: bool = False,
        latency: float | Callable[[str], float] = 0.0,
        now: Callable[[], float] = time.time,
        seed: int | None = 0,
        upload_envelope: Literal["documented", "flat", "arrays"] = "documented",
    ) -> None:
        self.state = Platform(now=now, seed=seed, verdict=verdict, minimal_kyb=minimal_kyb)
        self.state.upload_envelope = upload_envelope
        self.set_business_account("USD", "SUCCESSFUL")
        self.journal = Journal()
        self.faults = Faults()
        self.latency = latency
        self._authority = Authority(credentials, lifetime=token_lifetime, new_token=self.state.new_secret)
        self._limiter = None if limits is None else Limiter(limits)
        self._tighter = {} if limits is None else {name: Limiter(each) for name, each in TIGHTER.items()}
        self._routes = Routes(("oauth_token_create", "presigned_upload_put", *_API))
        self._control = control_app(self)

    def __repr__(self) -> str:
        return f"<Sandbox: {len(self.state.customers)} customers, {len(self.journal)} calls>"

    # What a test or a job may steer and see

    @property
    def verdict(self) -> Verdict:
        """What becomes of customers handed over from now on."""
        return self.state.verdict

    @verdict.setter
    def verdict(self, verdict: Verdict) -> None:
        self.state.verdict = verdict

    @property
    def customers(self) -> list[dict[str, Any]]:
        """Copies of all customers as a read shows them, with `files` (slot to file id) added, oldest first."""
        with self.state.lock:
            return [
                {
                    **copy.deepcopy(views.full(each, self.state.business_id, lambda stored: f"/storage/{stored.file_id}")),
                    "files": {slot: upload.file_id for slot, upload in each.files.items()},
                }
                for each in self.state.customers.values()
            ]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Copies of the webhook bodies that would have been delivered, oldest first."""
        with self.state.lock:
            self.state.pass_time()
            return copy.deepcopy(self.state.events)

    @property
    def signa(self) -> Signa:
        """Signa sessions: finish a hosted page, give a verdict, switch Signa off."""
        return self.state.book(Signa)

    @property
    def signa_id(self) -> SignaId:
        """Signa ID: let the person release, decline or revoke, attest a wallet."""
        return self.state.book(SignaId)

    @property
    def crypto(self) -> Crypto:
        """Crypto: settle payouts, let deposits arrive, switch access off."""
        return self.state.book(Crypto)

    @property
    def auto_deposit(self) -> AutoDeposit:
        """Auto-deposit e-mails: activate and block them."""
        return self.state.book(AutoDeposit)

    @property
    def webhooks(self) -> Webhooks:
        """Outgoing webhooks: deliver what is due, and see what is on its way."""
        return self.state.book(Webhooks)

    async def deliver_due(self, client: httpx.AsyncClient | None = None) -> int:
        """Make every attempt to deliver a webhook that is due by the sandbox's clock.

        A served sandbox does it by itself; in process, whoever moves the clock says when.

        Args:
            client: sends them; a plain one by default.

        Returns:
            how many attempts were made.
        """
        return await self.webhooks.deliver_due(client)

    def decide(
        self,
        customer_id: str,
        outcome: Literal["VERIFIED", "REJECTED"],
        *,
        comments: Sequence[str] = (),
        owners: Mapping[str, str] | None = None,
        documents: Mapping[str, str] | None = None,
    ) -> None:
        """Give a compliance verdict by hand.

        Args:
            customer_id: whom it is about.
            outcome: the customer's new status.
            comments: the reviewer's remarks, shown on what is rejected.
            owners: `APPROVED` or `REJECTED` by owner id. With any owner or document named, the others are approved.
            documents: the same by document id.

        Raises:
            KeyError: there is no such customer.
        """
        with self.state.lock:
            customer = self.state.customers[customer_id]
            verification.decide(self.state, customer, outcome, comments=comments, owners=owners, documents=documents)

    def revoke_tokens(self) -> None:
        """Revoke every token that was ever issued."""
        with self.state.lock:
            self._authority.revoke()

    def rotate_secret(self, client_id: str, new_secret: str) -> None:
        """Replace a client's secret; the old one and its tokens are revoked at once (contract x-auth)."""
        with self.state.lock:
            self._authority.rotate(client_id, new_secret)

    def add_beneficiary(self, customer_id: str, **fields: object) -> str:
        """Give a customer a beneficiary in the documented shape, and return the beneficiary's id."""
        with self.state.lock:
            beneficiary: dict[str, Any] = {
                "id": self.state.new_id(),
                "business_id": self.state.business_id,
                "first_name": "Halie",
                "last_name": "Skiles",
                "business_name": None,
                "type": "individual",
                "email": "halie@example.org",
                "country": "NG",
                "id_type": "passport",
                "id_number": "A1234567",
                "verification_status": "PENDING",
                **fields,
            }
            self.state.customers[customer_id].beneficiaries.append(beneficiary)
            return str(beneficiary["id"])

    def add_signa_session(
        self,
        session_id: str,
        *,
        approved: bool = True,
        approved_at: float | None = None,
        documents: bool = True,
        applicant: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a Signa session that a customer can be linked to.

        Args:
            session_id: its id.
            approved: whether it ended well.
            approved_at: when, epoch seconds; now by default.
            documents: whether it included DOCUMENTS.
            applicant: what was verified, by customer field (`first_name`, `dob`, …); it must agree with the customer.
        """
        self.signa.add(session_id, approved=approved, approved_at=approved_at, documents=documents, applicant=applicant)

    def http_client(self, base_url: str = "http://sandbox.test", **options: Any) -> httpx.AsyncClient:
        """Make an HTTP client that is bound to the sandbox in process.

        Args:
            base_url: any URL; presigned URLs are on its host.
            options: for `httpx.AsyncClient`.
        """
        import httpx

        from .inprocess import InProcessTransport

        return httpx.AsyncClient(transport=InProcessTransport(self), base_url=base_url, **options)

    # One request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI app; served for a lifespan, it delivers webhooks all the while."""
        if scope["type"] == "lifespan":
            await live(self.webhooks.pump, receive, send)
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith("/_sandbox/"):
            await self._control(scope, receive, send)
            return
        body = await read_body(receive)
        if body is None:
            return
        found = self._routes.find(scope["method"], path)
        call = _exchange(scope, found, body, self.state.now())
        with self.state.lock:
            fault = None if found.operation is None else self.faults.take(found.operation)
            answer = self._answer(found, call, fault)
            self._record(call, answer, fault)
        # After the call is carried out, so that limits count in the order of arrival and a caller who gives up while it
        # waits has an effect that it does not know of, as over a real network.
        seconds = self.latency(found.operation or "") if callable(self.latency) else self.latency
        try:
            if seconds > 0:
                await anyio.sleep(seconds)
        finally:
            self._finish(call)
        await self._deliver(answer, fault, scope, receive, send)

    def _finish(self, call: Exchange) -> None:
        with self.state.lock:
            self.state.book(IdempotencyKeys).finish(call)

    def _answer(self, found: Match, call: Exchange, fault: Fault | None) -> Answer:
        if fault is not None and not fault.takes_effect:
            return _instead(fault)
        self.state.pass_time()
        self.webhooks.collect()
        try:
            answer = self._carry_out(found, call)
        except Refusal as refusal:
            answer = refusal.answer
        finally:
            self.state.settle()
            self.webhooks.collect()
        if fault is None or fault.kind is FaultKind.TRUNCATED:
            return answer
        if fault.kind is FaultKind.NOT_JSON:
            html = b"<!doctype html><title>Sandbox</title><h1>Not what you asked for</h1>"
            return Answer(status=answer.status, body=html, headers={**answer.headers, "content-type": "text/html"})
        return attrs.evolve(_instead(fault), customer_id=answer.customer_id)

    def _carry_out(self, found: Match, call: Exchange) -> Answer:
        match found.operation:
            case None:
                return self._off_the_contract(found, call)
            case "oauth_token_create":
                return self._authority.issue(call)
            case "presigned_upload_put":
                return storage.put(self.state, call)
            case "signa_id_get_wallet_status" as public:  # the one operation that needs no token
                return _API[public](self.state, call)
            case operation:
                return self._serve_api(operation, found, call)

    def _off_the_contract(self, found: Match, call: Exchange) -> Answer:
        if call.method == "GET" and call.path.startswith("/storage/"):
            return storage.fetch(self.state, call)
        if found.known_path:
            raise refuse(405, f"The {call.method} method is not supported for route {call.path.strip('/')}.")
        raise refuse(404, f"The route {call.path.strip('/')} could not be found.")

    def _serve_api(self, operation: str, found: Match, call: Exchange) -> Answer:
        grant = self._authority.grant(call)
        standing = None if self._limiter is None else self._limiter.take(grant.client_id, call.at)
        try:
            if standing is not None and not standing.allowed:
                raise refuse(429, "Too Many Attempts.")
            if not grant.scopes.issuperset(found.scopes):
                raise refuse(403, "Invalid scope(s) provided.")
            tighter = self._tighter.get(operation)
            if tighter is not None and not tighter.take(self.state.business_id, call.at).allowed:
                raise refuse(429, "Too many requests. Try again later.")
            answer = _API[operation](self.state, attrs.evolve(call, scopes=grant.scopes))
        except Refusal as refusal:
            answer = refusal.answer
        if standing is None:
            return answer
        return attrs.evolve(answer, headers={**answer.headers, **standing.headers()})

    def _record(self, call: Exchange, answer: Answer, fault: Fault | None) -> None:
        unanswered = fault is not None and (fault.kind is FaultKind.HANG or _drops(fault))
        self.journal.add(
            Call(
                operation=call.operation,
                method=call.method,
                path=call.path,
                query=call.query,
                headers=call.headers,
                body=call.body,
                status=None if unanswered else answer.status,
                at=call.at,
                customer_id=call.params.get("customer_id", answer.customer_id),
                fault=None if fault is None else fault.kind.value,
            )
        )

    async def _deliver(self, answer: Answer, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
        if fault is not None and fault.kind is FaultKind.HANG:
            with anyio.move_on_after(fault.seconds):
                await await_disconnect(receive)
                return
            await break_off(scope, receive)
        elif fault is not None and _drops(fault):
            await break_off(scope, receive)
        elif fault is not None and fault.kind is FaultKind.TRUNCATED:
            await send_part(answer, send)
            await break_off(scope, receive, flush=True)
        else:
            await send_answer(answer, send)


def _exchange(scope: Scope, found: Match, body: bytes, at: float) -> Exchange:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return Exchange(
        operation=found.operation,
        method=scope["method"],
        params=found.params,
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers=headers,
        body=body,
        origin=f"{scope.get('scheme', 'http')}://{headers.get('host', 'sandbox.test')}",
        path=scope["path"],
        at=at,
    )


def _drops(fault: Fault) -> bool:
    return fault.kind in {FaultKind.BEFORE_COMMIT, FaultKind.AFTER_COMMIT} and fault.http_status is None


def _instead(fault: Fault) -> Answer:
    status = fault.http_status or 503
    body = {"message": "Too Many Attempts." if status == 429 else "Server Error"} if fault.body is None else fault.body
    return Answer(status=status, body=body, headers=fault.headers)
