"""Names of columns made from headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepmill.etl.plan.base import MAX_IDENTIFIER_BYTES, RESERVED_NAMES
from stepmill.planning.names import logical_names, physical_names

PHYSICAL = {
    "id": "id",
    "Order Date": "order_date",
    "CustomerID": "customer_id",
    "unitPrice": "unit_price",
    "HTTPServerURL": "http_server_url",
    "Umsatz in %": "umsatz_in_percent",
    "Größe (m²)": "groesse_m2",
    "Straße": "strasse",
    "prénom": "prenom",
    "Łódź": "lodz",
    "#": "number",
    "R&D": "r_and_d",
    "2020": "c_2020",
    "__x__": "x",
    "Имя файла": "имя_файла",
    "Май": "май",
    "日本語": "日本語",
    "ctid": "ctid_2",
    "_load_id": "load_id",
    '"; DROP TABLE users; --': "drop_table_users",
    "***": "column_1",
}


@pytest.mark.parametrize("header", PHYSICAL)
def test_physical_name(header: str) -> None:
    assert physical_names([header]) == [PHYSICAL[header]]


def test_a_name_that_is_taken_gets_a_number_that_is_free() -> None:
    assert physical_names(["a b", "a-b", "a_b", "a_b_2"]) == ["a_b", "a_b_3", "a_b_4", "a_b_2"]


def test_the_logical_name_is_the_header() -> None:
    headers = ["Order Date", '"; DROP TABLE users; --', "Größe (m²)", "order date"]
    assert logical_names(headers) == headers


def test_long_names_are_cut_between_characters() -> None:
    first, second = logical_names(["ä" * 40, "ä" * 41])
    assert (first, second) == ("ä" * 31, "ä" * 30 + "_2")


def test_reserved_names_are_avoided() -> None:
    assert logical_names(["ctid", "ctid_2"]) == ["ctid_3", "ctid_2"]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=80), min_size=1, max_size=30))
def test_all_names_can_be_used(headers: list[str]) -> None:
    for names in (physical_names(headers), logical_names(headers)):
        assert len(set(names)) == len(headers)
        assert all(0 < len(name.encode()) <= MAX_IDENTIFIER_BYTES for name in names)
        assert not RESERVED_NAMES & set(names)
        assert not any("\x00" in name for name in names)
