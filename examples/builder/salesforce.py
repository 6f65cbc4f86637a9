"""The CRM's four tables, as a CSV export writes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from examples.builder.company import Company, local_time


def build_tables(company: Company) -> dict[str, bytes]:
    """CSV files by name; every Id has 18 characters and joins the files."""
    return {
        "Account.csv": _csv(_accounts(company)),
        "Contact.csv": _csv(_contacts(company)),
        "Opportunity.csv": _csv(_opportunities(company)),
        "Case.csv": _csv(_cases(company)),
    }


def _accounts(company: Company) -> Iterable[dict[str, Any]]:
    for row in company.accounts:
        yield {
            "Id": company.object_ids["account", row["key"]],
            "Name": row["name"],
            "Industry": row["industry"],
            "Website": f"https://www.{row['domain']}",
            "BillingCity": row["city"],
            **_owner(company, row),
            "Description": row["description"],
            "CreatedDate": "2022-02-01T09:00:00.000Z",
        }


def _contacts(company: Company) -> Iterable[dict[str, Any]]:
    for key, person in company.contacts.items():
        first, last = person.name.split(" ", 1)
        yield {
            "Id": company.object_ids["contact", key],
            "AccountId": company.object_ids["account", str(person.account)],
            "FirstName": first,
            "LastName": last,
            "Title": person.title,
            "Email": person.email,
            "CreatedDate": "2022-02-01T09:05:00.000Z",
        }


def _opportunities(company: Company) -> Iterable[dict[str, Any]]:
    for row in company.opportunities:
        yield {
            "Id": company.object_ids["opportunity", row["key"]],
            "Name": row["name"],
            "AccountId": company.object_ids["account", row["account"]],
            "Account.Name": company.account_name(row["account"]),
            "StageName": row["stage"],
            "Amount": row["amount"],
            "CurrencyIsoCode": "EUR",
            "CloseDate": row["close"],
            **_owner(company, row),
            "NextStep": row["next_step"],
            "Description": row["description"],
            "CreatedDate": f"{row['created']}T08:00:00.000Z",
            "LastModifiedDate": _utc(row["modified"]),
        }


def _cases(company: Company) -> Iterable[dict[str, Any]]:
    for row in company.cases:
        yield {
            "Id": company.object_ids["case", row["key"]],
            "CaseNumber": f"{row['number']:08d}",
            "AccountId": company.object_ids["account", row["account"]],
            "ContactId": company.object_ids["contact", row["contact"]],
            "ContactEmail": company.contacts[row["contact"]].email,
            "Subject": row["subject"],
            "Status": row["status"],
            "Priority": row["priority"],
            **_owner(company, row),
            "Description": row["description"],
            "CreatedDate": _utc(row["created"]),
            "ClosedDate": _utc(row["closed"]) if row["closed"] else "",
        }


def _owner(company: Company, row: dict[str, Any]) -> dict[str, str]:
    owner = company.employees[row["owner"]]
    return {
        "OwnerId": company.object_ids["user", row["owner"]],
        "Owner.Name": owner.name,
        "Owner.Email": owner.email,
    }


def _utc(local: str) -> str:
    moment = local_time(local)
    return (moment - (moment.utcoffset() or moment - moment)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _csv(rows: Iterable[dict[str, Any]]) -> bytes:
    table = list(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, table[0].keys(), quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()
