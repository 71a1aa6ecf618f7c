"""XML documents: which elements are the records, what their fields are, and what a hostile document can't do."""

import gzip
import tracemalloc
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepmill.errors import DataError
from stepmill.etl.plan.source import SourceFormat
from stepmill.etl.profile import profile_source
from stepmill.etl.readers.detect import Detected, detect_source
from stepmill.etl.readers.read import read_blocks
from stepmill.planning.rules import make_plan
from tests.etl.readers.detecting import DECODING, LOCATION, detect, detect_further, store, warnings_of
from tests.etl.readers.test_archives import zipped

ORDERS = """<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<export at="2024-07-01">
  <source>shop</source>
  <orders>
    <order id="007" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
      <customer>Ana &amp; Søn</customer>
      <amount currency="EUR">12.50</amount>
      <tag>new</tag>
      <paid xsi:nil="true"/>
    </order>
    <order id="008">
      <customer><![CDATA[<none>]]></customer>
      <amount currency="USD">7.00</amount>
      <tag>old</tag><tag>late</tag>
      <paid>2024-07-02</paid>
    </order>
  </orders>
</export>
"""


def rows_of(found: Detected) -> list[dict[str, Any]]:
    frames = [block.frame for block in read_blocks(found.text, found.source)]
    return pl.concat(frames, how="diagonal").to_dicts() if frames else []


def records(xml: str | bytes) -> list[dict[str, Any]]:
    return rows_of(detect(xml, "data.xml"))


def test_the_records_are_found_and_their_fields_named() -> None:
    found = detect(ORDERS, "orders.xml")
    assert (found.source.format, found.source.records_path) == ("xml", "export/orders/order")
    assert found.source.repeated == ("tag",)
    assert rows_of(found) == [
        {
            "@id": "007",
            "customer": "Ana & Søn",
            "amount": '{"@currency":"EUR","#text":"12.50"}',
            "tag": '["new"]',
            "paid": None,
        },
        {
            "@id": "008",
            "customer": "<none>",
            "amount": '{"@currency":"USD","#text":"7.00"}',
            "tag": '["old","late"]',
            "paid": "2024-07-02",
        },
    ]
    plan = make_plan(found.source, profile_source(found.text, found.source))
    assert {column.name: (column.view_name, str(column.type)) for column in plan.columns} == {
        "id": ("id", "text"),
        "customer": ("customer", "text"),
        "amount": ("amount", "json"),
        "tag": ("tag", "json"),
        "paid": ("paid", "date"),
    }
    assert not plan.notes or all(note.code != "name_changed" for note in plan.notes)


@pytest.mark.parametrize(
    ("xml", "path", "expected"),
    [
        ("<rows><row a='1'/><row a='2'/></rows>", "rows/row", [{"@a": "1"}, {"@a": "2"}]),
        ("<rows><row><a>1</a></row></rows>", "rows/row", [{"a": "1"}]),
        ("<order><id>1</id><note>x</note></order>", "order", [{"id": "1", "note": "x"}]),
        ("<names><name>A</name><name>B</name></names>", "names/name", [{"#text": "A"}, {"#text": "B"}]),
        (
            "<feed><link href='a'/><link href='b'/><entry><t>one two</t></entry>"
            "<entry><t>three four</t></entry></feed>",
            "feed/entry",
            [{"t": "one two"}, {"t": "three four"}],
        ),
        (
            "<s:Envelope xmlns:s='x'><s:Body><Answer><item><n>1</n></item><item><n>2</n></item></Answer></s:Body>"
            "</s:Envelope>",
            "Envelope/Body/Answer/item",
            [{"n": "1"}, {"n": "2"}],
        ),
    ],
)
def test_records_stand_where_elements_are_repeated(xml: str, path: str, expected: list[dict[str, Any]]) -> None:
    found = detect(xml, "data.xml")
    assert found.source.records_path == path
    assert rows_of(found) == expected


def test_a_document_needs_no_declaration_and_no_name() -> None:
    assert detect("<a><b c='1'/><b c='2'/></a>", "data.txt").source.format == "xml"
    assert warnings_of(detect("<a><b c='1'/><b c='2'/></a>", "data.csv")) == ["other_format"]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "UTF-16"),
        ("iso-8859-15", "ISO-8859-15"),
        ("cp1252", "windows-1252"),
        ("shift_jis", "Shift_JIS"),
    ],
)
def test_the_declared_encoding_is_read(encoding: str, declared: str) -> None:
    word = "データ" if encoding == "shift_jis" else "Müller"
    xml = f'<?xml version="1.0" encoding="{declared}"?><a><b>{word}</b><b>x</b></a>'
    assert records(xml.encode(encoding))[0] == {"#text": word}


def test_bytes_that_belie_the_declaration_count() -> None:
    xml = '<?xml version="1.0" encoding="UTF-8"?><a><b>Müller, Köln, Österreich</b><b>schön</b></a>'
    assert records(xml.encode("cp1252"))[0] == {"#text": "Müller, Köln, Österreich"}


def test_it_may_be_packed() -> None:
    assert rows_of(detect(gzip.compress(ORDERS.encode()), "orders.xml.gz"))[1]["@id"] == "008"
    found = detect(zipped({"readme.txt": b"see the other", "orders.xml": ORDERS.encode()}), "orders.zip")
    assert (found.source.member, len(rows_of(found))) == ("orders.xml", 2)


def test_a_further_file_follows_the_plan() -> None:
    plan = detect(ORDERS, "orders.xml").source
    plan = plan.model_copy(update={"columns": ("@id", "customer", "amount", "tag", "paid")})
    one = "<export><orders><order id='009'><tag>new</tag></order></orders></export>"
    found = detect_further(one, plan, ["@id"], "more.xml")
    assert warnings_of(found) == []
    assert [(row["@id"], row["tag"]) for row in rows_of(found)] == [("009", '["new"]')]
    nothing = detect_further("<export><orders/></export>", plan, ["@id"], "more.xml")
    assert (warnings_of(nothing), rows_of(nothing)) == ([], [])
    other = detect_further("<list><item id='1'/><item id='2'/></list>", plan, ["@id"], "more.xml")
    assert warnings_of(other) == ["differs_from_plan"]


@pytest.mark.parametrize(
    ("xml", "code", "place"),
    [
        (ORDERS[:-30], "broken_xml", 17),
        (ORDERS.replace("</customer>", "</customers>", 1), "broken_xml", 7),
        ('<?xml version="1.0"?>\n<a>\n<b>&#0;</b></a>', "broken_xml", 3),
        ('<?xml version="1.0"?>\n<a>\n<b>&missing;</b></a>', "broken_xml", 3),
        ('<?xml version="1.0"?>\n', "broken_xml", 2),
        ("<?xml version='1.0'?>" + "<a>" * 100_000, "broken_xml", 1),
        ('<?xml version="1.0"?>\n<!DOCTYPE a [\n<!ENTITY x "y">]><a>&x;</a>', "xml_entities", 3),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml_entities", 1),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY % x "y"> %x;]><a/>', "xml_entities", 1),
    ],
)
def test_what_is_broken_or_hostile_is_named_with_its_place(xml: str, code: str, place: int) -> None:
    with pytest.raises(DataError) as raised:
        detect(xml, "data.xml")
    assert (raised.value.code, raised.value.details) == (code, {"line": place})


def test_a_page_of_html_is_no_table() -> None:
    page = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Not found</p><p/></body></html>'
    with pytest.raises(DataError, match="an HTML page"):
        detect(page, "data.xml")


def test_text_that_begins_like_a_tag_is_none() -> None:
    assert detect("<id>,name\n<1>,a\n<2>,b\n", "data.csv").source.format == "csv"


def test_a_record_that_is_too_large_is_rejected_alone() -> None:
    big = "x" * 700_000
    spaces = " " * 1_500_000
    xml = (
        f"<rows><row><a>1</a></row><row><a>{big}</a><a>{big}</a></row><row><a>3</a>{spaces}<b/></row>"
        f"<row>{'<b/>' * 1_000_000}</row><row c='{big}' d='{big}'/><row><a>6</a></row></rows>"
    )
    found = detect(xml, "data.xml")
    blocks = list(read_blocks(found.text, found.source))
    rejects = [reject for block in blocks for reject in block.rejects]
    assert [reject.code for reject in rejects] == ["record_too_large"] * 4
    assert [reject.line for reject in rejects] == [2, 3, 4, 5]
    assert sum(block.frame.height for block in blocks) == 2


def test_a_tag_or_comment_without_end_does_not_fill_the_memory() -> None:
    for begin in ("<rows><row a='", "<rows><!--"):
        store(f"<?xml version='1.0'?>{begin}".encode() + b"x" * 80_000_000, "utf-8")
        tracemalloc.start()
        with pytest.raises(DataError, match="a tag or comment has more than 16 MiB"):
            detect_source(LOCATION, "data.xml", DECODING)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 60_000_000


names = st.sampled_from(["a", "b", "c", "名"])
texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=8).filter(
    lambda text: "\x7f" not in text
)
rows = st.lists(
    st.tuples(st.dictionaries(names, texts, max_size=3), st.dictionaries(names, texts, max_size=3)),
    min_size=2,
    max_size=9,
)


@given(rows, st.sampled_from(["", "\n", "\r\n  "]))
def test_any_record_comes_back(rows: list[tuple[dict[str, str], dict[str, str]]], space: str) -> None:
    def record(attributes: dict[str, str], fields: dict[str, str]) -> str:
        inside = space.join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())
        return (
            f"<r{''.join(f' {name}={quoteattr(text)}' for name, text in attributes.items())}>{space}{inside}{space}</r>"
        )

    xml = f"<?xml version='1.0' encoding='utf-8'?><rs>{space.join(record(*row) for row in rows)}</rs>"
    planned = SourceFormat(format="xml", records_path="rs/r")
    found = detect_further(xml, planned, [], "data.xml")
    read = [{name: text for name, text in row.items() if text is not None} for row in rows_of(found)]
    expected = [{f"@{name}": text for name, text in attributes.items()} | fields for attributes, fields in rows]
    assert orjson.dumps(read, option=orjson.OPT_SORT_KEYS) == orjson.dumps(expected, option=orjson.OPT_SORT_KEYS)
