"""What the console knows without a page, tried by Node's own test runner."""

import re
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent / "models"


def test_the_models() -> None:
    command = ("node", "--test", "--test-reporter=tap", str(FOLDER))
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= 18, done.stdout
