"""A program that behaves as dbt documents `dbt build`, for tests on machines without dbt.

It "builds" each `models/*.sql`: one with `broken` in it fails, one with `forever` in it sleeps in a process of its own.
It writes the log that `--log-format json` gives, `target/run_results.json`, and ends with dbt's exit codes.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say(message: str, level: str = "info", **data: Any) -> None:
    write(json.dumps({"info": {"level": level, "msg": message, "name": "Line"}, "data": data}))


def build(model: Path) -> dict[str, Any]:
    text = model.read_text()
    if "forever" in text:
        subprocess.run(["sleep", "600"], check=True)
    status, message = (
        ("error", f"Database Error in model {model.stem}") if "broken" in text else ("success", "SELECT 1")
    )
    return {
        "unique_id": f"model.shop.{model.stem}",
        "status": status,
        "message": message,
        "execution_time": 0.01,
        "adapter_response": {},
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="dbt")
    parser.add_argument("command", choices=["build"])
    parser.add_argument("--project-dir", type=Path, required=True)
    parser.add_argument("--select")
    parser.add_argument("--target")
    parser.add_argument("--log-format", choices=["json"], required=True)
    parser.add_argument("--no-use-colors", action="store_true")
    given = parser.parse_args()

    models = [model for model in sorted(given.project_dir.glob("models/*.sql")) if given.select in (None, model.stem)]
    write("a line that is not of the log")
    say(f"Concurrency: 1 threads (target='{given.target}')", node_count=len(models))
    results = []
    for model in models:
        say(f"START sql model {model.stem}", node_info={"node_status": "started"})
        result = build(model)
        results.append(result)
        say(f"OK {model.stem}", node_info={"node_status": result["status"]}, execution_time=0.01)
    for result in results:
        if result["status"] == "error":
            say(result["message"], "error")
    (given.project_dir / "target").mkdir(exist_ok=True)
    (given.project_dir / "target" / "run_results.json").write_text(json.dumps({"metadata": {}, "results": results}))
    return int(any(result["status"] == "error" for result in results))


if __name__ == "__main__":
    sys.exit(main())
