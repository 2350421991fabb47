"""Environment, scopes and credentials: from arguments or from BLAAIZ_* variables."""

import os
from collections.abc import Iterable, Mapping
from enum import Enum
from urllib.parse import urlsplit

from attrs import field, frozen

from blaaiz_async.errors import ConfigurationError


class Environment(Enum):
    """The platform's two worlds. They have separate hosts, credentials and data."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"

    @property
    def base_url(self) -> str:
        """The host of this environment's API."""
        return _HOSTS[self]


_HOSTS = {
    Environment.DEVELOPMENT: "https://api-dev.blaaiz.com",
    Environment.PRODUCTION: "https://api-prod.blaaiz.com",
}
_PRODUCTION_HOSTS = {"api-prod.blaaiz.com", "api.blaaiz.com"}
_DEVELOPMENT_HOSTS = {"api-dev.blaaiz.com"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

ALL_SCOPES = (
    "wallet:read",
    "currency:read",
    "bank:read",
    "customer:read",
    "customer:write",
    "beneficiary:read",
    "virtual-account:read",
    "virtual-account:create",
    "virtual-account:close",
    "collection:create",
    "collection:crypto:create",
    "collection:interac:accept",
    "collection:interac:create",
    "interac-auto-deposit-email:create",
    "interac-auto-deposit-email:read",
    "payout:create",
    "swap:create",
    "transaction:read",
    "fees:read",
    "rates:read",
    "file:upload",
    "webhook:read",
    "webhook:write",
    "webhook:replay",
    "mock:webhook:trigger",
    "crypto-wallet:read",
    "crypto-wallet:create",
    "crypto-asset:read",
    "crypto-transaction:read",
    "crypto-payout:create",
    "crypto-swap:create",
    "refund:create",
    "refund:read",
    "compliance-kyc:read",
    "compliance-kyc:create",
    "compliance-kyc:cancel",
    "compliance-kyc:pii:read",
    "signa-id:release",
)
"""Every scope there is, asked for by default: one that the credential doesn't hold is dropped silently (contract x-auth)."""

BUNDLES = ("full-access", "read-only", "collections", "payouts", "virtual-accounts", "customers", "crypto")

_MIGRATE = (
    "legacy API keys are no longer accepted. Create an OAuth credential on the dashboard's page 'API & Webhooks' "
    "(https://business-dev.blaaiz.com for development, https://business.blaaiz.com for production) and give its "
    "client_id and client_secret, or set BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET"
)


@frozen(kw_only=True)
class Settings:
    """Checked settings of a client."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    environment: Environment
    base_url: str
    """Without a slash at the end."""
    scopes: tuple[str, ...]


def read_settings(
    *,
    client_id: str | None,
    client_secret: str | None,
    environment: Environment | str | None,
    base_url: str | None,
    scopes: Iterable[str] | str | None,
    api_key: str | None,
    variables: Mapping[str, str] = os.environ,
) -> Settings:
    """Check what was given, and take from BLAAIZ_* variables what wasn't. Raises ConfigurationError."""
    client_id = client_id or variables.get("BLAAIZ_CLIENT_ID")
    client_secret = client_secret or variables.get("BLAAIZ_CLIENT_SECRET")
    if api_key is not None or (variables.get("BLAAIZ_API_KEY") and not (client_id and client_secret)):
        where = "api_key: " if api_key is not None else "only BLAAIZ_API_KEY is set: "
        raise ConfigurationError(where + _MIGRATE)
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if not value or not value.strip():
            raise ConfigurationError(f"{name} is missing: give it, or set BLAAIZ_{name.upper()}")
    given = environment or variables.get("BLAAIZ_ENVIRONMENT") or Environment.DEVELOPMENT
    try:
        chosen = Environment(given)
    except ValueError:
        raise ConfigurationError(f"environment must be development or production, not {given!r}") from None
    return Settings(
        client_id=client_id or "",
        client_secret=client_secret or "",
        environment=chosen,
        base_url=_host(base_url or variables.get("BLAAIZ_BASE_URL"), chosen),
        scopes=_scopes(scopes if scopes is not None else variables.get("BLAAIZ_SCOPES")),
    )


def _host(base_url: str | None, environment: Environment) -> str:
    if not base_url:
        return environment.base_url
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
        raise ConfigurationError("base_url must be a plain address such as https://api-dev.blaaiz.com")
    if parts.scheme == "http" and host not in _LOOPBACK and not host.endswith((".test", ".localhost")):
        raise ConfigurationError("base_url must be https: credentials and personal data would travel in the clear")
    if host in _PRODUCTION_HOSTS and environment is not Environment.PRODUCTION:
        raise ConfigurationError(f"base_url is a production host ({host}), but the environment is {environment.value}")
    if host in _DEVELOPMENT_HOSTS and environment is not Environment.DEVELOPMENT:
        raise ConfigurationError(f"base_url is a development host ({host}), but the environment is {environment.value}")
    return base_url.rstrip("/")


def _scopes(given: Iterable[str] | str | None) -> tuple[str, ...]:
    if given is None:
        return ALL_SCOPES
    scopes = tuple(given.split()) if isinstance(given, str) else tuple(given)
    if not scopes:
        raise ConfigurationError("scopes is empty: a token without scopes can't call anything")
    for scope in scopes:
        if scope in BUNDLES:
            raise ConfigurationError(f"{scope!r} is a bundle of the dashboard, not a scope; list single scopes")
        if not scope or any(letter.isspace() for letter in scope):
            raise ConfigurationError(f"{scope!r} isn't a scope; give a list of scopes such as 'customer:read'")
    return tuple(dict.fromkeys(scopes))
