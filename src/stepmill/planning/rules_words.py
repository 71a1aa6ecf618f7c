"""What the words in a column's name say about its values. They only decide between readings that fit all values."""

from collections.abc import Iterable

_CODES = frozenset(
    {
        *("zip", "zipcode", "postcode", "postal", "postalcode", "plz", "cap", "cep"),
        *("phone", "telephone", "tel", "fax", "mobile", "cell", "telefon", "handy", "msisdn"),
        *("isbn", "issn", "ean", "gtin", "upc", "iban", "ssn", "fips", "imei", "barcode"),
        *("sku", "asin", "vin", "bic", "lei", "artnr", "artikelnummer"),
    }
)
_MONEY = frozenset(
    {
        *("price", "amount", "cost", "costs", "total", "subtotal", "fee", "fees", "tax", "vat", "salary", "wage"),
        *("payment", "balance", "revenue", "budget", "freight", "credit", "debit", "turnover", "profit"),
        *("usd", "eur", "gbp", "chf", "money", "charge", "fare", "rent", "invoice", "sum", "sales"),
        *("preis", "betrag", "kosten", "summe", "umsatz", "gebuehr", "gehalt", "steuer", "saldo", "netto", "brutto"),
        *("prix", "montant", "precio", "importe", "prezzo", "importo"),
    }
)
_MEASURES = frozenset(
    {
        *("lat", "latitude", "lon", "lng", "long", "longitude", "x", "y", "z", "altitude", "elevation", "angle"),
        *("temp", "temperature", "temperatur", "humidity", "humid", "pressure", "wind", "speed", "velocity"),
        *("distance", "weight", "height", "width", "length", "depth", "area", "volume", "density", "power", "energy"),
        *("voltage", "current", "ratio", "score", "mean", "avg", "average", "std", "median", "variance", "probability"),
    }
)
_DAYS = frozenset({"date", "day", "datum", "tag", "dt", "jour", "fecha", "dia", "giorno", "data", "birthday", "dob"})
_FLAGS = frozenset({"is", "has", "can", "bool", "flag", "active", "enabled", "deleted", "valid", "test", "aktiv"})
_EVENT_TIMES = frozenset(
    {
        *("time", "timestamp", "ts", "datetime", "date_time", "event_time", "event_timestamp", "occurred_at"),
        *("measured_at", "recorded_at", "observed_at", "event_at", "time_hour", "utc_time", "time_utc"),
        *("zeit", "zeitpunkt", "zeitstempel", "messzeit", "messzeitpunkt"),
    }
)


def names_code(name: str) -> bool:
    """Whether numbers in a column of this physical name are codes, whose every character counts."""
    return _has_any(name, _CODES)


def names_money(name: str) -> bool:
    """Whether numbers in a column of this physical name are sums of money."""
    return _has_any(name, _MONEY) and not _has_any(name, _MEASURES)


def names_measure(name: str) -> bool:
    """Whether numbers in a column of this physical name are measured."""
    return _has_any(name, _MEASURES)


def names_day(name: str) -> bool:
    """Whether eight digits in a column of this physical name are a date."""
    return _has_any(name, _DAYS)


def names_flag(name: str) -> bool:
    """Whether a column of this physical name says yes or no."""
    return _has_any(name, _FLAGS) or any(word in name for word in ("bool", "flag"))


def names_event_time(name: str) -> bool:
    """Whether a column of this physical name says when the thing happened that its row is about."""
    return name in _EVENT_TIMES


def _has_any(name: str, words: Iterable[str]) -> bool:
    return not set(name.split("_")).isdisjoint(words)
