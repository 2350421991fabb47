"""The answer of the token endpoint."""

from typing import ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer


@frozen(kw_only=True, repr=False)
class AccessToken(Answer):
    """A bearer token (contract schema OAuthTokenResponse). Its value stays out of every repr."""

    _shown: ClassVar[tuple[str, ...]] = ("token_type", "expires_in")

    access_token: str
    token_type: str = "Bearer"  # noqa: S105  # the scheme's name
    expires_in: int = 900
    """Lifetime in seconds; 900 is what the platform documents."""
