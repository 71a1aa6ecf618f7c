"""A minute of work while everything is killed, frozen, cut off and filled up: nothing lost, doubled or stuck."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = [int(line.split()[0]) for line in (ROOT / "soak/seeds.txt").read_text().splitlines() if line[:1].isdigit()]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])])
def test_everything_is_as_promised(seed: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "soak"],
        cwd=ROOT,
        env=os.environ | {"SOAK_SECONDS": "60", "SOAK_SEED": str(seed), "SOAK_KEEP": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=390,
    )
    assert ended.returncode == 0, ended.stdout
    assert "worker killed" in ended.stdout
