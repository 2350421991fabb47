"""Webhook management: the registered URLs, the delivery logs, replays, and the mock Interac collection."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .clock import stamp
from .delivery import Config, Webhooks
from .exchange import Answer, refuse
from .validation import Errors

if TYPE_CHECKING:
    from .delivery import Delivery
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS"]

_NAMES = ("payout_url", "collection_url", "kyc_url")


def register(platform: Platform, call: Exchange) -> Answer:
    """Answer `webhook_register`; a second register replaces URLs and secret (x-uncertain)."""
    webhooks, body = platform.book(Webhooks), call.json()
    urls = {name: body.get(name) for name in _NAMES}
    required = urls["payout_url"] is not None and urls["collection_url"] is not None
    if not required or not all(each is None or _is_good(webhooks, each) for each in urls.values()):
        raise refuse(400, "Invalid webhook URL format", status=False)
    old = webhooks.config
    webhooks.config = Config(
        id=platform.new_id() if old is None else old.id,
        urls=urls,
        secret=platform.new_secret()[:40],
        created_at=call.at if old is None else old.created_at,
        updated_at=call.at,
    )
    data = {"signing_secret": webhooks.config.secret}
    return Answer(body={"message": "Webhook record created successfully", "data": data})


def get(platform: Platform, _: Exchange) -> Answer:
    """Answer `webhook_get`: a bare object, without the secret."""
    config = platform.book(Webhooks).config
    if config is None:
        raise refuse(404, "No webhook URLs configured", status=False)
    body = {
        "id": config.id,
        **config.urls,
        "created_at": stamp(config.created_at),
        "updated_at": stamp(config.updated_at),
    }
    return Answer(body=body)


def update(platform: Platform, call: Exchange) -> Answer:
    """Answer `webhook_update`: what is left out stays, and null clears kyc_url."""
    webhooks, body, errors = platform.book(Webhooks), call.json(), Errors()
    config = webhooks.config
    if config is None or config.id != call.params["businessWebhook"]:
        raise refuse(404, "Webhook not found", status=False)
    errors.check("WebhookUpdateRequest", body, "events")
    sent = {name: body[name] for name in _NAMES if name in body}
    for name, url in sent.items():
        if url is not None and not _is_good(webhooks, url):
            errors.add(name, "must be a public HTTPS URL")
    errors.refuse()
    config.urls.update(sent)
    config.updated_at = call.at
    return Answer(body={"message": "Webhook record updated successfully"})


def replay(platform: Platform, call: Exchange) -> Answer:
    """Answer `webhook_replay`: of a successful fiat transaction, or of a crypto payout's failed delivery."""
    webhooks, body, errors = platform.book(Webhooks), call.json(), Errors()
    errors.check("WebhookReplayRequest", body, "events")
    errors.refuse()
    if "transaction_id" in body:
        done = webhooks.replay_transaction(body["transaction_id"])
    else:
        done = webhooks.replay_log(body["webhook_log_id"])
    if not done:
        raise refuse(422, "This webhook is not eligible for replay.")
    return Answer(body={"message": "Webhook replayed successfully"})


def list_logs(platform: Platform, call: Exchange) -> Answer:
    """Answer `webhook_list_logs`, newest first."""
    errors, query = Errors(), call.query
    size, page = query.get("per_page", "15"), query.get("page", "1")
    if query.get("status", "FAILED") not in {"SUCCESSFUL", "FAILED"}:
        errors.say("status", "The selected status is invalid.")
    if not size.isdecimal() or not 1 <= int(size) <= 30:
        errors.add("per_page", "must be between 1 and 30")
    if not page.isdecimal() or int(page) < 1:
        errors.add("page", "must be at least 1")
    errors.refuse()
    term = query.get("search_term", "").encode()
    found = [
        each
        for each in reversed(platform.book(Webhooks).logs)
        if query.get("status") in {None, each.status}
        and query.get("type") in {None, each.type}
        and query.get("start_date", "") <= stamp(each.created_at)[:10] <= query.get("end_date", "9999")
        and term in each.body
    ]
    first = (int(page) - 1) * int(size)
    rows = [_shown(platform, each) for each in found[first : first + int(size)]]
    return Answer(body={"current_page": int(page), "data": rows, "per_page": int(size), "total": len(found)})


def get_log(platform: Platform, call: Exchange) -> Answer:
    """Answer `webhook_get_log`, with every attempt and the headers it carried."""
    found = next((each for each in platform.book(Webhooks).logs if each.id == call.params["id"]), None)
    if found is None:
        raise refuse(404, "Webhook log not found")
    data = {
        **_shown(platform, found),
        "business_crypto_wallet_transaction": _crypto(found),
        "webhook_log_histories": [
            {"id": each.id, "metadata": {"attempt": number, "status": each.status}, "headers": dict(each.headers)}
            for number, each in enumerate(found.attempts, 1)
        ],
    }
    return Answer(body={"message": "Webhook log retrieved successfully", "data": data})


def simulate_interac(platform: Platform, call: Exchange) -> Answer:
    """Answer `mock_simulate_interac_webhook`: a CAD collection that moves no money."""
    body, errors = call.json(), Errors()
    errors.check("SimulateInteracRequest", body, "events")
    errors.refuse()
    config = platform.book(Webhooks).config
    if config is None or config.urls["collection_url"] is None:
        raise refuse(400, "No collection webhook URL is configured")
    amount = float(body.get("amount", 20))
    platform.events.append(
        {
            "message": "Transaction Completed",
            "transaction_id": platform.new_id(),
            "transaction_reference": platform.new_secret()[:12].upper(),
            "merchant_reference": None,
            "transaction_status": "SUCCESSFUL",
            "transaction_fee": 0.0,
            "transaction_amount_without_fee": amount,
            "transaction_amount": amount,
            "transaction_currency": "CAD",
            "payee_collection_email": "payee@sandbox.example",
            "source_information": {
                "collection_email": body.get("interac_email", "payer@example.com"),
                "collection_name": "John Doe",
            },
            "event_id": platform.new_id(),
            "type": "collection",
        }
    )
    return Answer(body={"message": "Webhook sent successfully"})


def _is_good(webhooks: Webhooks, url: object) -> bool:
    """Tell whether deliveries may go to a URL: HTTPS, and not to the machine or network the platform is on."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if webhooks.local_urls:
        return parts.scheme in {"http", "https"} and bool(host)
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:
        public = "." in host
    return parts.scheme == "https" and public


def _shown(platform: Platform, log: Delivery) -> dict[str, Any]:
    is_crypto = log.type.startswith("crypto.")
    return {
        "id": log.id,
        "business_id": platform.business_id,
        "business_transaction_id": None if is_crypto else log.event.get("transaction_id"),
        "business_crypto_wallet_transaction_id": log.event.get("transaction_id") if is_crypto else None,
        "type": log.type,
        "webhook_url": log.url,
        "payload": log.event,
        "response": None if log.response is None else {"status": log.response},
        "status": log.status,
        "created_at": stamp(log.created_at),
        "updated_at": stamp(log.updated_at),
    }


def _crypto(log: Delivery) -> dict[str, Any] | None:
    if not log.type.startswith("crypto."):
        return None
    event = log.event
    return {
        "id": event["transaction_id"],
        "reference": event["transaction_reference"],
        "status": event["transaction_status"],
        "currency": event["currency"],
        "network": event["network"],
        "transaction_hash": event.get("transaction_hash"),
    }


HANDLERS = {
    "webhook_register": register,
    "webhook_get": get,
    "webhook_update": update,
    "webhook_replay": replay,
    "webhook_list_logs": list_logs,
    "webhook_get_log": get_log,
    "mock_simulate_interac_webhook": simulate_interac,
}
