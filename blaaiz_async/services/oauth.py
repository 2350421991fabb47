"""The token endpoint (contract/customers.yaml oauth_token_create)."""

import re

from blaaiz_async.core.caller import Caller
from blaaiz_async.core.operation import Safety, operation
from blaaiz_async.errors import ResponseDecodeError
from blaaiz_async.settings import Settings
from blaaiz_async.types.oauth import AccessToken

CREATE = operation("oauth_token_create", "POST", "/oauth/token", AccessToken, safety=Safety.READ, under=(), limited=False)

LONGEST = 30 * 86_400
"""Seconds for which a token is kept at most, whatever its answer says: one that isn't taken any more is dropped at a 401."""
_TOKEN = re.compile("[!-~]+")


async def fetch_token(caller: Caller, settings: Settings) -> tuple[str, float]:
    """Trade the client credentials for a bearer token. Returns its value and its lifetime in seconds."""
    fields = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "scope": " ".join(settings.scopes),
    }
    token = await caller.post_form(CREATE, fields)
    if not _TOKEN.fullmatch(token.access_token):
        raise ResponseDecodeError(CREATE.id, "access_token", "expected a token that fits into a header", status_code=200)
    return token.access_token, float(min(max(token.expires_in, 0), LONGEST))
