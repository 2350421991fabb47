"""Whoever comes from the official SDK finds every method under its name."""

import inspect
from importlib.metadata import version

import pytest

from blaaiz_async import AsyncBlaaiz
from tests.official_sdk.surface import connect, named, public_methods

OFFICIAL = """
calculate_fees create_complete_collection create_complete_payout get_all_banks get_all_currencies get_customer_by_id
get_transaction_by_id get_wallet_by_id test_connection

banks.list banks.lookup_account banks.verify_iban banks.verify_payee
client.get_auth_headers client.get_oauth_token client.make_request
collections.accept_interac_money_request collections.attach_customer collections.get_crypto_networks
collections.initiate collections.initiate_crypto collections.initiate_interac_money_request
currencies.list
customers.add_kyc customers.create customers.create_document customers.delete_document customers.delete_owner
customers.get customers.get_beneficiary customers.get_document customers.get_document_presigned_url
customers.get_owner_file_presigned_url customers.link_kyc_session customers.list customers.list_beneficiaries
customers.list_documents customers.submit customers.update customers.update_document customers.upgrade_kyb_scope
customers.upload_file_complete customers.upload_files customers.upload_owner_files
fees.get_breakdown
files.get_presigned_url
momo_operators.list
payouts.initiate
rates.list
refunds.get refunds.initiate
signa.cancel signa.cancel_session signa.create signa.create_document_upload_url signa.create_session signa.get
signa.get_session signa.get_session_applicant_data signa.get_session_document signa.issue_access_token
signa.issue_verification_link signa.list signa.list_session_documents signa.list_sessions signa.submit
signa.submit_session signa.upload_document signa.upload_session_document
signa_id.create_release_request signa_id.exchange_release_code signa_id.get_release signa_id.get_release_document
signa_id.get_wallet_status
swaps.initiate
transactions.get transactions.list
virtual_bank_accounts.close virtual_bank_accounts.create virtual_bank_accounts.get
virtual_bank_accounts.get_identification_type virtual_bank_accounts.list
wallets.get wallets.list
webhooks.construct_event webhooks.get webhooks.register webhooks.replay webhooks.simulate_interac_webhook
webhooks.update webhooks.verify_signature
"""

WITHOUT_COUNTERPART = {
    "client.get_auth_headers": "a header with the token in it is given to nobody; the client sets it on each attempt",
    "client.get_oauth_token": "the token is fetched, kept and renewed inside, and leaves the client only to a TokenStore",
    "client.make_request": "every operation has a typed method; with_raw_response shows the raw answer of any",
}
"""Methods of `Blaaiz.client`, the SDK's own plumbing, and why there is no such method here."""
NOT_AWAITED = {
    "webhooks.construct_event": "it makes no call",
    "webhooks.verify_signature": "it makes no call",
}


def test_the_official_sdk_has_the_methods_that_are_listed_here() -> None:
    assert "1.7.0" == version("blaaiz-python-sdk")
    assert set(OFFICIAL.split()) == public_methods(connect())


@pytest.mark.parametrize("name", sorted(set(OFFICIAL.split()) - WITHOUT_COUNTERPART.keys()))
def test_every_official_method_has_its_counterpart_to_await(name: str) -> None:
    method = named(AsyncBlaaiz(client_id="i", client_secret="s"), name)
    assert inspect.iscoroutinefunction(method) is (name not in NOT_AWAITED)
    # What must be given there can be given here, in the same order.
    given = [each for each in inspect.signature(named(connect(), name)).parameters.values() if each.default is each.empty]
    inspect.signature(method).bind(*given)


def test_a_method_without_counterpart_has_none_indeed() -> None:
    assert WITHOUT_COUNTERPART.keys() < set(OFFICIAL.split())
    assert not hasattr(AsyncBlaaiz(client_id="i", client_secret="s"), "client")
