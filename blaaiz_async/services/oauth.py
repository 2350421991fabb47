"""The token endpoint (contract/customers.yaml oauth_token_create)."""

from blaaiz_async.core.caller import Caller
from blaaiz_async.core.operation import Safety, operation
from blaaiz_async.settings import Settings
from blaaiz_async.types.oauth import AccessToken

CREATE = operation("oauth_token_create", "POST", "/oauth/token", AccessToken, safety=Safety.READ, under=(), limited=False)


async def fetch_token(caller: Caller, settings: Settings) -> tuple[str, float]:
    """Trade the client credentials for a bearer token. Returns its value and its lifetime in seconds."""
    fields = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "scope": " ".join(settings.scopes),
    }
    token = await caller.post_form(CREATE, fields)
    return token.access_token, float(token.expires_in)
