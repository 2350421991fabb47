"""OAuth 2 client credentials: tokens, scopes, revocation (contract/customers.yaml x-auth)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import attrs

from blaaiz_async import contract

from .exchange import Answer, Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .exchange import Exchange

__all__ = ["ALL_SCOPES", "Authority", "Credential", "Grant"]

ALL_SCOPES: frozenset[str] = frozenset(contract.schema("customers", "OAuthScope")["enum"])


def _frozen(scopes: Iterable[str]) -> frozenset[str]:
    return frozenset(scopes)


@attrs.frozen(kw_only=True)
class Credential:
    """One client credential.

    Attributes:
        secret: the client secret.
        scopes: the scopes it holds; all of them by default.
    """

    secret: str = attrs.field(repr=False)
    scopes: frozenset[str] = attrs.field(default=ALL_SCOPES, converter=_frozen)


@attrs.frozen(kw_only=True)
class Grant:
    """What one token allows."""

    client_id: str
    scopes: frozenset[str]
    expires_at: float


class Authority:
    """Issues and checks tokens."""

    def __init__(
        self, credentials: Mapping[str, str | Credential], *, lifetime: float, new_token: Callable[[], str]
    ) -> None:
        self._credentials = {
            client: given if isinstance(given, Credential) else Credential(secret=given)
            for client, given in credentials.items()
        }
        self._lifetime = lifetime
        self._new_token = new_token
        self._grants: dict[str, Grant] = {}

    def issue(self, call: Exchange) -> Answer:
        """Answer `oauth_token_create`."""
        form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
        if not call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = {}
        missing = next((name for name in ("grant_type", "client_id", "client_secret") if not form.get(name)), None)
        if missing is not None:
            raise _oauth_error(400, "invalid_request", "The request is missing a required parameter.")
        if form["grant_type"] != "client_credentials":
            raise _oauth_error(400, "unsupported_grant_type", "The authorization grant type is not supported.")
        held = self._credentials.get(form["client_id"])
        if held is None or not hmac.compare_digest(held.secret.encode(), form["client_secret"].encode()):
            raise _oauth_error(401, "invalid_client", "Client authentication failed.")
        asked = frozenset(form.get("scope", "").split())
        if asked - ALL_SCOPES:
            raise _oauth_error(400, "invalid_scope", "Invalid scope(s) provided")
        token = self._new_token()
        # A scope that exists but is not held is dropped silently; the dependent call answers 403.
        self._grants[token] = Grant(
            client_id=form["client_id"], scopes=asked & held.scopes, expires_at=call.at + self._lifetime
        )
        body = {"token_type": "Bearer", "expires_in": int(self._lifetime), "access_token": token}
        return Answer(body=body, headers={"cache-control": "no-store"})

    def grant(self, call: Exchange) -> Grant:
        """Find what the call's token allows, or refuse with 401."""
        if "x-blaaiz-api-key" in call.headers:
            raise refuse(401, "API keys are no longer accepted. Use an OAuth 2.0 access token.", status=False)
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        grant = self._grants.get(token) if scheme.lower() == "bearer" else None
        if grant is None or grant.expires_at <= call.at:
            raise refuse(401, "Invalid or missing access token", status=False)
        return grant

    def revoke(self, client_id: str | None = None) -> None:
        """Revoke every token, or those of one client."""
        self._grants = {token: grant for token, grant in self._grants.items() if client_id not in {None, grant.client_id}}

    def rotate(self, client_id: str, secret: str) -> None:
        """Replace a client's secret, which revokes its tokens too."""
        self._credentials[client_id] = attrs.evolve(self._credentials[client_id], secret=secret)
        self.revoke(client_id)


def _oauth_error(status: int, error: str, description: str) -> Refusal:
    body = {"error": error, "error_description": description, "message": description}
    return Refusal(Answer(status=status, body=body))
