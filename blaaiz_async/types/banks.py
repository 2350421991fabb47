"""Banks, and checks of accounts before money is sent to them."""

from typing import Annotated, ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum, Request
from blaaiz_async.types.payouts import Iban, SortCode
from blaaiz_async.types.rules import Text, longest


@frozen(kw_only=True, repr=False)
class AccountLookup(Request):
    """An account whose holder's name is asked (contract schema AccountLookupRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("bank_id",)

    account_number: Text
    bank_id: Text
    """`id` from `banks.list`."""


@frozen(kw_only=True, repr=False)
class PayeeVerification(Request):
    """A UK account and the name to compare (contract schema PayeeVerificationRequest)."""

    sort_code: SortCode
    """6 digits, such as 20-00-00."""
    account_number: Annotated[Text, longest(255)]
    account_name: Annotated[Text, longest(255)]


@frozen(kw_only=True, repr=False)
class IbanVerification(Request):
    """An IBAN whose reachability is asked (contract schema IbanVerificationRequest)."""

    iban: Iban


@frozen(kw_only=True, repr=False)
class BankCountry(Answer):
    """Country of a bank."""

    _shown: ClassVar[tuple[str, ...]] = ("code",)

    code: str | None = None
    """ISO 3166-1 alpha-2."""
    name: str | None = None


@frozen(kw_only=True, repr=False)
class Bank(Answer):
    """A bank."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "name", "code")

    id: Id
    """What to send as `bank_id`."""
    name: str | None = None
    code: str | None = None
    """Clearing code."""
    country: BankCountry | None = None


@frozen(kw_only=True, repr=False)
class AccountHolder(Answer):
    """Whose an account is (contract schema AccountLookupResponse)."""

    account_name: str
    message: str | None = None


class MatchConfidence(OpenStrEnum):
    """How a name that doesn't match comes close. PANM: a close name, and the account is a person's."""

    MBAM = "MBAM"
    ANNM = "ANNM"
    BANM = "BANM"
    PANM = "PANM"


@frozen(kw_only=True, repr=False)
class PayeeMatch(Answer):
    """What Confirmation of Payee says (contract schema PayeeVerificationResponse)."""

    _shown: ClassVar[tuple[str, ...]] = ("matched", "match_confidence_code")

    matched: bool
    """True on a full match only."""
    match_confidence_code: MatchConfidence | None = None
    """Given on a close match only."""
    suggested_account_name: str | None = None
    """Given on a close match only."""


@frozen(kw_only=True, repr=False)
class IbanReachability(Answer):
    """Whether a bank can be reached (contract schema IbanVerificationResponse)."""

    _shown: ClassVar[tuple[str, ...]] = ("sepa_reachable", "sepa_inst_reachable")

    sepa_reachable: bool
    sepa_inst_reachable: bool | None = None
    """By instant transfer."""
