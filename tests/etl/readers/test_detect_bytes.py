"""What the bytes of a file are: compression, encoding, and whether it is a table at all."""

import gzip
import zlib

import pytest

from stepmill.errors import DataError
from tests.etl.readers.detecting import detect, warnings_of

GERMAN = "id;name;ort\n1;Müller;Köln\n2;Jürgen Schäfer;Düsseldorf\n3;Weiß;Nürnberg\n4;Größe;Ärmelkanal\n"
FRENCH = "id,nom,ville\n1,Hélène,Orléans\n2,François Lefèvre,Besançon\n3,Noël,Nîmes\n"
SPANISH = "id,nombre,ciudad\n1,José Núñez,Málaga\n2,Begoña,Logroño\n3,¿Qué tal?,Cádiz\n"
POLISH = "id;imię;miasto\n1;Łukasz Wójcik;Łódź\n2;Małgorzata;Kraków\n3;Święty;Poznań\n4;Żaneta;Częstochowa\n"
CZECH = "id;jméno;město\n1;Jiří Dvořák;Plzeň\n2;Růžena;Děčín\n3;Šárka Žižková;Kroměříž\n"
HUNGARIAN = "id;név;város\n1;Győző Szűcs;Győr\n2;Erzsébet;Székesfehérvár\n3;Fehér Árpád;Pécs\n"
TURKISH = "id;isim;şehir\n1;Şükrü Yıldız;İstanbul\n2;Ayşe Çağlar;Eskişehir\n3;Gülşen;Muğla\n"  # noqa: RUF001  the letters themselves are meant
RUSSIAN = "id;имя;город\n1;Иван Петров;Москва\n2;Ольга;Санкт-Петербург\n3;Сергей;Екатеринбург\n"
GREEK = "id;όνομα;πόλη\n1;Γιώργος;Αθήνα\n2;Μαρία;Θεσσαλονίκη\n3;Δημήτρης;Πάτρα\n"
HEBREW = "id,שם,עיר\n1,משה,ירושלים\n2,שרה,תל אביב\n3,דוד,חיפה\n"
ARABIC = "id,الاسم,المدينة\n1,محمد,القاهرة\n2,فاطمة,الرياض\n3,علي,بغداد\n"
THAI = "รหัส,ชื่อ,เมือง\n1,สมชาย ใจดี,กรุงเทพมหานคร\n2,สมหญิง,เชียงใหม่\n3,ประเสริฐ,ขอนแก่น\n"
RUSSIAN_WORDS = [
    *("Промышленности", "счет", "вовремя", "завтра", "Солнце", "поставляет", "дети"),
    *("играют", "над", "утром", "ожидается", "ярко", "Компания"),
]
RUSSIAN_ROWS = "код,описание\n" + "".join(
    f"{n},{' '.join(RUSSIAN_WORDS[(n * k + k) % len(RUSSIAN_WORDS)] for k in range(1, 9))}\n" for n in range(200)
)
RUSSIAN_AGAIN = "номер,имя,город\n" + "".join(f"{n},Иванов,Москва\n" for n in range(30))
UKRAINIAN = "номер,ім'я,місто\n1,Олена Їжакевич,Київ\n2,Ґалаґан,Чернігів\n3,Євген,Запоріжжя\n"
HEBREW_ROWS = "קוד,תיאור\n" + "".join(f"{n},שלום עולם ילדים אוכלים לחם בין הערים כסף ארוך\n" for n in range(30))
ARABIC_ROWS = "رمز,وصف\n" + "".join(f"{n},مدينة كبيرة على شاطئ البحر مستشفى المدرسة\n" for n in range(30))
JAPANESE = "番号,名前,都市\n1,山田太郎,東京都\n2,鈴木花子,大阪府\n3,佐藤,北海道札幌市\n4,ソフトウェア表示,神奈川\n"
CHINESE = "编号,姓名,城市\n1,王小明,北京市\n2,李丽,上海市\n3,张伟,广州市\n"
TAIWANESE = "編號,姓名,城市\n1,王小明,臺北市\n2,李麗,高雄市\n3,張偉,臺中市\n"
KOREAN = "번호,이름,도시\n1,김철수,서울특별시\n2,이영희,부산광역시\n3,박민수,대구\n"

CODE_PAGES = [
    *((GERMAN, encoding) for encoding in ("cp1252", "cp850", "mac-roman", "iso8859-1")),
    *((FRENCH, encoding) for encoding in ("cp1252", "cp850", "mac-roman")),
    (SPANISH, "cp1252"),
    *((POLISH, encoding) for encoding in ("cp1250", "iso8859-2", "cp852")),
    *((CZECH, encoding) for encoding in ("cp1250", "iso8859-2")),
    (HUNGARIAN, "cp1250"),
    (TURKISH, "cp1254"),
    *((RUSSIAN, encoding) for encoding in ("cp1251", "koi8-r", "cp866", "iso8859-5")),
    *((RUSSIAN_ROWS, encoding) for encoding in ("cp1251", "koi8-r", "cp866", "iso8859-5")),
    *((RUSSIAN_ROWS.upper(), encoding) for encoding in ("cp1251", "koi8-r", "cp866", "iso8859-5")),
    *((RUSSIAN_AGAIN, encoding) for encoding in ("cp1251", "koi8-r", "cp866")),
    *((UKRAINIAN, encoding) for encoding in ("cp1251", "koi8-u")),
    *((HEBREW_ROWS, encoding) for encoding in ("cp1255", "iso8859-8")),
    *((ARABIC_ROWS, encoding) for encoding in ("cp1256", "iso8859-6")),
    (THAI, "cp874"),
    *((GREEK, encoding) for encoding in ("cp1253", "iso8859-7")),
    (HEBREW, "cp1255"),
    (ARABIC, "cp1256"),
    *((JAPANESE, encoding) for encoding in ("cp932", "euc_jp")),
    (CHINESE, "gb18030"),
    (TAIWANESE, "big5"),
    (KOREAN, "cp949"),
]


@pytest.mark.parametrize(
    ("text", "encoding"), CODE_PAGES, ids=[f"{place} {encoding}" for place, (_, encoding) in enumerate(CODE_PAGES)]
)
def test_code_pages_are_told_by_their_words(text: str, encoding: str) -> None:
    detected = detect(text, encoding=encoding)

    assert text.encode(encoding).decode(detected.source.encoding) == text
    assert warnings_of(detected) == ["guessed_encoding"]
    assert list(detected.source.columns) == text.splitlines()[0].replace(";", ",").split(",")


@pytest.mark.parametrize(
    "text", [GERMAN, RUSSIAN, JAPANESE, "id,name\n1,Ann\n2,Bob\n"], ids=["de", "ru", "ja", "ascii"]
)
@pytest.mark.parametrize(
    ("bom", "encoding", "found"),
    [
        (b"", "utf-8", "utf-8"),
        (b"\xef\xbb\xbf", "utf-8", "utf-8"),
        (b"", "utf-16-le", "utf-16-le"),
        (b"", "utf-16-be", "utf-16-be"),
        (b"\xff\xfe", "utf-16-le", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be", "utf-16-be"),
        (b"\xff\xfe\x00\x00", "utf-32-le", "utf-32-le"),
        (b"\x00\x00\xfe\xff", "utf-32-be", "utf-32-be"),
    ],
)
def test_unicode_is_told_with_and_without_a_mark(text: str, bom: bytes, encoding: str, found: str) -> None:
    detected = detect(bom + text.encode(encoding))

    assert detected.source.encoding == found
    assert detected.source.columns == tuple(text.splitlines()[0].replace(";", ",").split(","))
    assert warnings_of(detected) == []


def test_the_first_umlaut_may_come_late() -> None:
    ascii_rows = "1,Schmidt,Berlin\n" * 200_000

    detected = detect(f"id,name,city\n{ascii_rows}2,Müller,Köln\n3,Größer,Fürth\n", encoding="cp1252")

    assert detected.source.encoding == "cp1252"
    assert warnings_of(detected) == ["guessed_encoding"]


def test_one_bad_place_does_not_make_a_file_another() -> None:
    rows = "1,Müller\n2,Größe\n".encode() * 50

    detected = detect(b"id,name\n" + rows + b"3,M\xfcller\n")

    assert detected.source.encoding == "utf-8"
    assert warnings_of(detected) == ["encoding_errors"]


def test_signs_alone_are_western() -> None:
    assert detect("t;x\n20 °C;±3\n21 °C;5 µm\n", encoding="cp1252").source.encoding == "cp1252"
    assert detect("id,text\n1,“smart” – don’t\n2,x\n", encoding="cp1252").source.encoding == "cp1252"  # noqa: RUF001


def refusal(data: bytes, name: str = "data.csv") -> DataError:
    with pytest.raises(DataError) as caught:
        detect(data, name)
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b" \r\n\t\n",
        b"\xef\xbb\xbf\n\n",
        b"\xff\xfe\n\x00 \x00",
        b"\x00" * 1000,
        gzip.compress(b"", mtime=0),
        gzip.compress(b"\n", mtime=0),
    ],
)
def test_nothing_is_refused_as_empty(data: bytes) -> None:
    error = refusal(data)

    assert error.code == "empty_file"
    assert error.message == "'data.csv' is empty: there is nothing in it to make a table of."


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "an old Office document (.xls, .doc)"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG image"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG image"),
        (b"GIF89a\x01\x00\x01\x00", "a GIF image"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><p/></html>', "an HTML page"),
        (zlib.compress(bytes(range(256)) * 50), "binary data"),
        (bytes(range(256)) * 10, "binary data"),
        (b"\x01\x00\x00\x00\x07\x00\x00\x00abc\x00\x00\x00\x00\x08" * 100, "binary data"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(data: bytes, kind: str) -> None:
    error = refusal(data)

    assert error.code == "not_a_table"
    assert error.details == {"looksLike": kind}
    assert error.message.startswith(f"'data.csv' is {kind}.")


def test_words_that_begin_like_another_format_are_text() -> None:
    assert detect("PAR1,ORC\n1,2\n3,4\n").source.columns == ("PAR1", "ORC")
    assert detect("MZ,BZh\n1,2\n3,4\n").source.columns == ("MZ", "BZh")


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x1e", "\x02", "\x07", "\x0b\x0c\x1c\x1e"])
def test_a_few_control_characters_are_text(mark: str) -> None:
    text = f"a,b\n1,x{mark}y\n2,z\n"

    assert detect(text).source.columns == ("a", "b")


@pytest.mark.parametrize(
    "data", [b"\x02\x03\x04", b"ab,cd\x00\x00\x00\x02ef,gh\n", b"ab\x02\x03\x05\n", b"ab,\x02\n" * 50]
)
def test_many_are_not(data: bytes) -> None:
    assert refusal(data).details == {"looksLike": "binary data"}


def test_lines_above_a_table_end_as_lines_of_records_do() -> None:
    detected = detect("Sales\x0cBerlin, all\x1eof it\nid,a,b\n1,2,3\n4,5,6\n7,8,9\n")

    assert detected.source.columns == ("id", "a", "b")
    assert detected.source.preamble_rows == 1
    (warning,) = detected.warnings
    assert warning.message.startswith("A line above the table is skipped: 'Sales\\x0cBerlin, all\\x1eof it'.")


@pytest.mark.parametrize("count", [20_002, 50_000])
def test_too_many_columns_are_refused(count: int) -> None:
    data = ",".join(f"a rather long column name, the {number}" for number in range(count // 2)) + "\n"

    error = refusal(data.encode())

    assert error.code == "too_many_columns"
    assert error.details == {"columns": count, "limit": 20_000}
    assert f"{count:,} columns" in error.message
