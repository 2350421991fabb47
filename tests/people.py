"""Customers that many tests register, as mappings."""

from typing import Any

ADA: dict[str, Any] = {
    "type": "individual",
    "email": "ada@example.com",
    "country": "NG",
    "first_name": "Ada",
    "last_name": "Obi",
    "id_type": "passport",
    "id_number": "A1234567",
}
ACME: dict[str, Any] = {
    "type": "business",
    "email": "ops@example.com",
    "country": "NG",
    "incorporation_country": "NG",
    "registration_number": "RC1",
    "business_name": "Acme",
}
