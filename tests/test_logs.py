"""What reaches the log of an error that nobody foresaw."""

import logging

import pytest

from stepmill import logs


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_local_variables(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", style)

    def connect(address: str) -> None:
        raise RuntimeError("nobody foresaw this")

    try:
        connect("postgresql://stepmill:" + "geheim" * 2 + "@db/stepmill")
    except RuntimeError:
        logging.getLogger("stepmill.tests").exception("failed")
    output = capsys.readouterr().err
    assert "nobody foresaw this" in output
    assert "geheimgeheim" not in output
