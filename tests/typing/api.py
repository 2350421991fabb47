"""What type checkers must see of the public surface. It is checked, never run.

A line with an ignore comment must be an error: both checkers report an ignore that isn't needed.
"""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import assert_type

from blaaiz_async import (
    UNSET,
    AsyncBlaaiz,
    BusinessCustomer,
    Customer,
    CustomerSummary,
    CustomerUpdate,
    Environment,
    IndividualCustomer,
    OwnerCreate,
    Page,
    RawResponse,
)


async def calls(blaaiz: AsyncBlaaiz) -> None:
    person = IndividualCustomer(
        email="ada@example.com",
        country="NG",
        first_name="Ada",
        last_name="Obi",
        id_type="passport",
        id_number="A1234567",
        dob=date(1990, 1, 15),
    )
    customer = await blaaiz.customers.create(person)
    assert_type(customer, Customer)
    assert_type(customer.first_name, str | None)
    assert_type(customer.owners[0].ownership_percentage, Decimal | None)
    assert_type(await blaaiz.customers.list(email="x"), list[CustomerSummary])
    assert_type(await blaaiz.customers.list_page(2), Page[CustomerSummary])
    assert_type(blaaiz.customers.iterate(), AsyncIterator[CustomerSummary])
    assert_type(await blaaiz.with_raw_response(blaaiz.customers.get, "id"), RawResponse[Customer])
    assert_type(blaaiz.with_options(priority="bulk"), AsyncBlaaiz)
    await blaaiz.customers.create({"type": "individual", "email": "ada@example.com"})
    await blaaiz.customers.update(customer.id, CustomerUpdate(website=None, phone=UNSET))
    async with AsyncBlaaiz(environment=Environment.PRODUCTION) as entered:
        assert_type(entered, AsyncBlaaiz)


def wrong_mixes() -> None:
    IndividualCustomer(  # type: ignore[call-arg]
        email="a@b.cd",
        country="NG",
        first_name="A",
        last_name="B",
        id_type="passport",
        id_number="1",
        kyb_scope="FULL",  # pyright: ignore[reportCallIssue]
    )
    IndividualCustomer(  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        email="a@b.cd", country="NG", first_name="A", id_type="passport", id_number="1"
    )
    IndividualCustomer(
        email="a@b.cd",
        country="NG",
        first_name="A",
        last_name="B",
        id_type="id_card",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        id_number="1",
    )
    BusinessCustomer(  # type: ignore[call-arg]
        email="a@b.cd",
        country="NG",
        incorporation_country="NG",
        business_name="A",
        registration_number="1",
        id_number="1",  # pyright: ignore[reportCallIssue]
    )
    CustomerUpdate(kyb_scope="FULL")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    OwnerCreate(
        first_name="A",
        last_name="B",
        ownership_percentage=33.3,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )


async def wrong_calls(blaaiz: AsyncBlaaiz) -> None:
    await blaaiz.customers.get(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await blaaiz.files.upload("id", b"", file_category="selfie")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    blaaiz.with_options(priority="urgent")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
