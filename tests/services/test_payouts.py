"""Payouts: what can't be written wrong, and that each is paid once."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import attrs
import httpx
import pytest

from blaaiz_async import (
    CadInterac,
    InvalidRequestError,
    MobileMoney,
    NgnBankTransfer,
    OutcomeUnknownError,
    Payout,
    ReceiveAmount,
    RetryPolicy,
    SendAmount,
    UnprocessableEntityError,
    UnreadableOutcomeError,
)
from blaaiz_async.contract import validator
from tests.services.money_platform import Ledger, Platform, documented, documented_requests

pytestmark = pytest.mark.anyio

FLAT = {"wallet_id": "w", "customer_id": "c", "from_currency_id": "NGN", "to_currency_id": "NGN"}
TO_NIGERIA = NgnBankTransfer(bank_id="1", account_number="0222500691")


def payout(**changes: Any) -> Payout:
    given: dict[str, Any] = {**FLAT, "amount": SendAmount(Decimal("100.00")), "destination": TO_NIGERIA, **changes}
    return Payout(**given)


def row(body: dict[str, Any]) -> dict[str, Any]:
    """Return the transaction that the platform keeps of a payout."""
    there = documented("transactions_get", "payout")["data"]
    return {
        **there,
        "recipient": {
            **there["recipient"],
            "account_number": body.get("account_number"),
            "currency": body["to_currency_id"],
        },
        "business_wallet_id": body["wallet_id"],
        "business_customer_id": body["customer_id"],
        "amount": body["from_amount"],
        "merchant_reference": body["merchant_reference"],
    }


def ledger(*, lost: int = 0) -> Ledger:
    made = Ledger("payout", row, lambda made: {"message": "Payout Initiated Successfully.", "transaction": made}, lost=lost)
    made.answers["bank"] = [{"id": 1, "name": "ACCESS BANK", "code": "44"}, {"id": 2, "name": "Zenith Bank", "code": "057"}]
    return made


async def faults_of(given: Any) -> dict[str, str]:
    platform = Platform()
    async with platform.client() as blaaiz:
        with pytest.raises(InvalidRequestError) as refused:
            await blaaiz.payouts.initiate(given)
    assert platform.sent == []
    return {fault.field: fault.message for fault in refused.value.faults}


@pytest.mark.parametrize("name", documented_requests("payouts_initiate"))
async def test_every_documented_body_is_sent_as_it_was_given(name: str) -> None:
    body = documented_requests("payouts_initiate")[name]
    platform = Platform(payout=documented("payouts_initiate", "initiated"))
    async with platform.client() as blaaiz:
        await blaaiz.payouts.initiate(body)
    (sent,) = platform.bodies()
    assert {**body, "merchant_reference": sent["merchant_reference"]} == sent
    validator("money", "PayoutRequest").validate(sent)


async def test_objects_and_the_flat_form_are_sent_alike() -> None:
    flat = {**FLAT, "method": "bank_transfer", "from_amount": "100.00", "bank_id": "1", "account_number": "0222500691"}
    platform = Platform(payout=documented("payouts_initiate", "initiated"))
    async with platform.client() as blaaiz:
        await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        await blaaiz.payouts.initiate({**flat, "merchant_reference": "order-1"})
        await blaaiz.payouts.initiate({**FLAT, "amount": SendAmount(100), "destination": TO_NIGERIA, "note": "rent"})
    typed, mapped, mixed = platform.bodies()
    assert typed == mapped
    assert mixed["note"] == "rent"
    assert b'"from_amount":100.00' in platform.sent[0].content


async def test_a_flat_payout_is_told_all_its_faults_at_once_by_the_platforms_own_names() -> None:
    given = {**FLAT, "to_currency_id": "GBP", "method": "bank_transfer", "from_amount": 1.5, "sort_code": "1", "iban": "x"}
    faults = await faults_of(given)
    missing = {"account_number", "account_name", "street", "city", "zip_code", "country"}
    assert {"from_amount", "sort_code", "iban"} | missing == set(faults)
    assert "a float isn't exact" in faults["from_amount"]
    assert faults["iban"] == "isn't a field of GbpBankTransfer; take it out"


async def test_objects_are_checked_by_the_same_rules() -> None:
    wrong = payout(to_currency_id="GBP", amount=SendAmount(1.5), destination=NgnBankTransfer(bank_id="", account_number="1"))  # type: ignore[arg-type]
    assert {"to_currency_id", "from_amount", "bank_id"} == set(await faults_of(wrong))


async def test_crypto_is_sent_to_its_own_service() -> None:
    faults = await faults_of({**FLAT, "method": "crypto", "from_amount": 150, "wallet_address": "0x6b"})
    assert "crypto.create_payout" in faults["method"]


@pytest.mark.parametrize(
    "amounts",
    [{}, {"from_amount": 1, "to_amount": 1}, {"from_amount": None, "to_amount": None}],
    ids=["none", "both", "nulls"],
)
async def test_exactly_one_amount_is_taken(amounts: dict[str, Any]) -> None:
    faults = await faults_of({**FLAT, "method": "bank_transfer", "bank_id": "1", "account_number": "2", **amounts})
    assert {"from_amount": "give exactly one of from_amount and to_amount"} == faults


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (0, "NGN"),
        (-1, "NGN"),
        ("1.001", "NGN"),
        ("1.5", "XOF"),
        (float("1.5"), "NGN"),
        (Decimal("NaN"), "NGN"),
        (True, "NGN"),
    ],
)
@pytest.mark.parametrize("fixed", [SendAmount, ReceiveAmount])
async def test_an_amount_that_isnt_exact_positive_and_payable_is_refused(amount: Any, currency: str, fixed: Any) -> None:
    value = Decimal(amount) if isinstance(amount, str) else amount
    name = "from_amount" if fixed is SendAmount else "to_amount"
    mobile = MobileMoney(phone_number="+2250700000000", mobile_money_operator_id="1", account_name="Awa")
    there = mobile if currency == "XOF" else TO_NIGERIA
    codes = {"from_currency_id": currency, "to_currency_id": currency, "country_id": "24"}
    faults = await faults_of(payout(amount=fixed(value), destination=there, **codes))
    assert [name] == list(faults)


async def test_zeros_that_say_nothing_are_no_decimals() -> None:
    platform = Platform(payout=documented("payouts_initiate", "initiated"))
    async with platform.client() as blaaiz:
        await blaaiz.payouts.initiate(payout(amount=SendAmount(Decimal("2.5000"))))
    assert b'"from_amount":2.5000' in platform.sent[0].content


async def test_a_currency_of_several_countries_needs_one() -> None:
    mobile = MobileMoney(phone_number="+2250700000000", mobile_money_operator_id="1", account_name="Awa")
    assert ["country_id"] == list(await faults_of(payout(to_currency_id="XOF", destination=mobile)))


async def test_a_security_answer_goes_with_its_question() -> None:
    there = CadInterac(email="a@b.ca", interac_first_name="A", interac_last_name="B", security_answer="4821")
    faults = await faults_of(payout(to_currency_id="CAD", destination=there))
    assert {"security_question": "is required with security_answer"} == faults


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_payout_whose_answer_is_lost_is_paid_once_and_read_back(lost: int) -> None:
    platform = ledger(lost=lost)
    async with platform.client() as blaaiz:
        made = await blaaiz.payouts.initiate(payout(amount=SendAmount(Decimal("100.00"))))
    assert [made.merchant_reference] == list(platform.rows)
    assert made.id == documented("transactions_get", "payout")["data"]["id"]
    assert {body["merchant_reference"] for body in platform.bodies()} == {made.merchant_reference}


async def test_a_reference_that_was_used_for_another_payout_is_refused() -> None:
    platform = ledger()
    async with platform.client() as blaaiz:
        await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        # Once an answer was lost it may be this very payout, shown in another form.
        for lost, error in ((1, OutcomeUnknownError), (0, UnprocessableEntityError)):
            platform.lost = lost
            with pytest.raises(error, match=r"differs; compare it by transactions\.get"):
                await blaaiz.payouts.initiate(payout(merchant_reference="order-1", amount=SendAmount(99)))
            platform.lost = lost
            other = attrs.evolve(TO_NIGERIA, account_number="0999999999")
            with pytest.raises(error):
                await blaaiz.payouts.initiate(payout(merchant_reference="order-1", destination=other))
    assert len(platform.rows) == 1


FORMS: list[dict[str, Any]] = [
    {"recipient": {"account_number": "******0691"}},
    {"recipient": {"account_number": "0691"}},
    {"recipient": {"account_number": None}},
    {"recipient": None},
    {"recipient": {"currency": "ngn"}},
    {"recipient": {"currency": "Naira"}},
    {"amount": 98.5},
    {"type": "SEND_MONEY"},
    {"merchant_reference": None},
]


@pytest.mark.parametrize("shown", FORMS, ids=str)
@pytest.mark.parametrize("reference", [None, "order-1"])
async def test_a_payout_that_is_shown_in_a_form_of_its_own_is_never_told_as_refused(
    reference: str | None, shown: dict[str, Any]
) -> None:
    platform = ledger(lost=1)

    def kept(body: dict[str, Any]) -> dict[str, Any]:
        there = row(body)
        recipient = shown.get("recipient", {})
        return {**there, **shown, "recipient": None if recipient is None else {**there["recipient"], **recipient}}

    platform._row = kept
    async with platform.client() as blaaiz:
        try:
            made = await blaaiz.payouts.initiate(payout(merchant_reference=reference))
        except OutcomeUnknownError:
            assert reference is not None  # nothing else can be under a key that was made for this call
        else:
            assert documented("transactions_get", "payout")["data"]["id"] == made.id
    assert 1 == len(platform.rows)


async def test_a_made_key_that_is_refused_as_used_and_never_shows_is_no_refusal() -> None:
    platform = Platform()
    refusal = {"message": "No.", "errors": {"merchant_reference": ["x"]}}
    platform.answers = defaultdict(lambda: lambda _: httpx.Response(404, json={"message": "Transaction not found."}))
    platform.answers["payout"] = lambda _: httpx.Response(422, json=refusal)
    async with platform.client(retry=RetryPolicy(deadline=0.2)) as blaaiz:
        with pytest.raises(OutcomeUnknownError, match=r"No\.") as caught:
            await blaaiz.payouts.initiate(payout())
    assert platform.bodies()[0]["merchant_reference"] == caught.value.idempotency_key


@pytest.mark.parametrize("shown", [None, "", "cut-of"])
async def test_a_payout_that_a_gateway_sent_twice_is_read_back(shown: str | None) -> None:
    platform = ledger()
    platform._row = lambda body: {**row(body), "merchant_reference": shown}
    platform.answers["payout"] = lambda request: (platform._start(request), platform._start(request))[1]
    platform.unlisted_for = 2
    async with platform.client() as blaaiz:
        made = await blaaiz.payouts.initiate(payout())
    assert documented("transactions_get", "payout")["data"]["id"] == made.id
    assert (shown if shown is not None else next(iter(platform.rows))) == made.merchant_reference
    assert 1 == len(platform.rows)


async def test_a_made_key_is_looked_for_until_it_shows_whatever_else_is_wrong() -> None:
    errors = {"merchant_reference": ["Could not proceed."], "from_amount": ["The balance is too low."]}
    platform = ledger()

    def twice(request: httpx.Request) -> httpx.Response:
        platform._start(request)
        return httpx.Response(422, json={"message": "...", "errors": errors})

    platform.answers["payout"] = twice
    platform.unlisted_for = 2
    async with platform.client() as blaaiz:
        made = await blaaiz.payouts.initiate(payout())
    assert documented("transactions_get", "payout")["data"]["id"] == made.id


async def test_whatever_ends_the_reading_back_its_reference_is_told() -> None:
    def closed(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("this client is closed")

    refusal = {"message": "...", "errors": {"merchant_reference": ["Could not proceed."]}}
    platform = Platform()
    platform.answers = defaultdict(lambda: closed)
    platform.answers["payout"] = lambda _: httpx.Response(422, json=refusal)
    async with platform.client() as blaaiz:
        with pytest.raises(OutcomeUnknownError, match=r"call again with the same merchant_reference") as caught:
            await blaaiz.payouts.initiate(payout())
    (sent,) = platform.bodies()
    assert sent["merchant_reference"] == caught.value.idempotency_key
    assert sent["merchant_reference"] in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_what_differs_under_an_own_key_is_not_to_be_settled_but_compared() -> None:
    platform = ledger()
    async with platform.client() as blaaiz:
        await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        platform.lost = 1
        with pytest.raises(OutcomeUnknownError, match=r"differs; compare it by transactions\.get") as caught:
            await blaaiz.payouts.initiate(payout(merchant_reference="order-1", amount=SendAmount(99)))
        kept = await caught.value.find_candidates()
    assert "settle" not in str(caught.value)
    assert [documented("transactions_get", "payout")["data"]["id"]] == [each.id for each in kept]


@pytest.mark.parametrize("reference", [" order-1", "order-1\u00a0", ".", ".."])
async def test_a_reference_that_could_not_be_found_again_is_refused(reference: str) -> None:
    assert ["merchant_reference"] == list(await faults_of(payout(merchant_reference=reference)))


@pytest.mark.parametrize(("shown", "settles"), [("payout", True), ("SEND_MONEY", True), ("collection", False)])
async def test_a_payout_is_settled_by_whichever_name_its_type_is_shown(shown: str, settles: bool) -> None:
    platform = ledger()
    platform._row = lambda body: {**row(body), "type": shown}
    async with platform.client() as blaaiz:
        await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        if settles:
            assert "order-1" == (await blaaiz.payouts.settle("order-1")).merchant_reference
        else:
            with pytest.raises(InvalidRequestError, match="something else than a payout"):
                await blaaiz.payouts.settle("order-1")


async def test_what_another_reference_made_is_not_settled_by_the_platforms_own() -> None:
    platform = ledger()
    async with platform.client(retry=RetryPolicy(deadline=0.2)) as blaaiz:
        await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        platform.rows["the-platforms-own"] = platform.rows["order-1"]
        with pytest.raises(OutcomeUnknownError, match="isn't known to the platform"):
            await blaaiz.payouts.settle("the-platforms-own")
        assert "order-1" == (await blaaiz.payouts.settle("order-1")).merchant_reference


async def test_an_answer_of_another_shape_is_settled_by_reading_back() -> None:
    platform = ledger()
    platform._answer = lambda _: {"message": "Payout Initiated Successfully."}
    async with platform.client() as blaaiz:
        made = await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        assert documented("transactions_get", "payout")["data"]["id"] == made.id
        platform.rows["order-2"] = {"message": "nothing to be read"}
        platform.answers["payout"] = lambda _: httpx.Response(200, json={})
        with pytest.raises(
            UnreadableOutcomeError, match=r"same merchant_reference order-2, or settle it with payouts\.settle"
        ):
            await blaaiz.payouts.initiate(payout(merchant_reference="order-2"))


async def test_a_reference_that_is_refused_beside_other_fields_is_looked_for_once() -> None:
    errors = {"merchant_reference": ["Could not proceed."], "customer_id": ["The customer isn't verified."]}
    platform = ledger()
    async with platform.client(retry=RetryPolicy()) as blaaiz:
        first = await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        platform.answers["payout"] = lambda _: httpx.Response(422, json={"message": "...", "errors": errors})
        assert first.id == (await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))).id
        platform.answers["order_2"] = lambda _: httpx.Response(404, json={"message": "Not found."})
        with pytest.raises(UnprocessableEntityError, match="isn't verified"):
            await blaaiz.payouts.initiate(payout(merchant_reference="order-2"))
    assert ["/api/external/payout", "/api/external/transaction/order-2"] == [each.url.path for each in platform.sent][-2:]


async def test_a_bank_list_that_fails_hinders_no_payout_under_a_reference_that_was_made_for_it() -> None:
    platform = ledger(lost=1)
    platform.answers["bank"] = lambda _: httpx.Response(404, json={"message": "Not found."})
    async with platform.client() as blaaiz:
        made = await blaaiz.payouts.initiate(payout())
        assert [made.merchant_reference] == list(platform.rows)
        with pytest.raises(OutcomeUnknownError, match="can't be told from something else"):
            await blaaiz.payouts.initiate(payout(merchant_reference=made.merchant_reference))


async def test_another_bank_or_address_under_a_used_reference_is_never_told_as_done() -> None:
    platform = ledger()
    interac = CadInterac(email="ada@b.ca", interac_first_name="Ada", interac_last_name="B")
    to_ada = payout(merchant_reference="order-2", to_currency_id="CAD", destination=interac)
    async with platform.client() as blaaiz:
        await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        await blaaiz.payouts.initiate(to_ada)
        platform.rows["order-2"]["recipient"] |= {"account_number": None, "currency": "CAD", "email": "Ada@b.ca"}
        assert "order-2" == (await blaaiz.payouts.initiate(to_ada)).merchant_reference
        for changed in (
            payout(merchant_reference="order-1", destination=attrs.evolve(TO_NIGERIA, bank_id="2")),
            attrs.evolve(to_ada, destination=attrs.evolve(interac, email="mallory@b.ca")),
        ):
            with pytest.raises(OutcomeUnknownError, match="can't be told from something else"):
                await blaaiz.payouts.initiate(changed)
    scopes = ["payout:create", "transaction:read"]
    async with platform.client(scopes=scopes) as blaaiz:  # which can't compare banks
        assert "order-1" == (await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))).merchant_reference


async def test_the_same_payout_under_the_same_reference_is_the_first_one() -> None:
    platform = ledger()
    async with platform.client() as blaaiz:
        first = await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
        again = await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
    assert (first.id, 1) == (again.id, len(platform.rows))


async def test_a_payout_that_stays_unanswered_tells_the_key_to_repeat_it_with() -> None:
    platform = ledger(lost=99)
    async with platform.client(retry=RetryPolicy(max_attempts=1)) as blaaiz:
        with pytest.raises(OutcomeUnknownError) as failed:
            await blaaiz.payouts.initiate(payout())
    assert [failed.value.idempotency_key] == list(platform.rows)


async def test_a_payout_shows_nothing_of_its_recipient() -> None:
    there = CadInterac(
        email="a@b.ca", interac_first_name="Jane", interac_last_name="B", security_question="?", security_answer="4821"
    )
    typed = payout(to_currency_id="CAD", destination=there)
    platform = Platform(payout=documented("payouts_initiate", "initiated"))
    async with platform.client() as blaaiz:
        made = await blaaiz.payouts.initiate(typed)
    assert made.recipient is not None
    shown = repr(made) + repr(made.recipient) + repr(typed) + repr(there)
    secrets = [made.recipient.account_number, made.recipient.account_name, "4821", "Jane", "a@b.ca"]
    assert not [secret for secret in secrets if str(secret) in shown]


async def test_a_currency_code_in_small_letters_is_refused_before_it_evades_a_rule() -> None:
    assert ["to_currency_id"] == list(await faults_of(payout(to_currency_id="ngn")))


@pytest.mark.parametrize("row", [{"id": "t"}, {"message": "nothing to be read"}])
async def test_a_taken_reference_whose_payout_can_not_be_told_is_an_unknown_outcome(row: dict[str, Any]) -> None:
    platform = ledger()
    platform.rows["order-1"] = row
    async with platform.client() as blaaiz:
        with pytest.raises(OutcomeUnknownError) as caught:
            await blaaiz.payouts.initiate(payout(merchant_reference="order-1"))
    assert "order-1" == caught.value.idempotency_key
