"""A real HTTP server on loopback that gives prepared answers in order and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What to answer. `cut` closes the connection before the body that was announced is complete."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    def __init__(self, address: str, answers: list[Answer]) -> None:
        self.url = address
        self.answers = answers
        self.asked: list[Asked] = []


def stream(*events: tuple[int, str, dict[str, Any]], cut: bool = False) -> Answer:
    """An event stream with a heartbeat at its start."""
    lines = [": hello\n\n"]
    lines += [f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for number, kind, data in events]
    return Answer(200, "".join(lines).encode(), {"Content-Type": "text/event-stream"}, cut)


def problem(status: int, code: str, **more: Any) -> Answer:
    return Answer(status, {"status": status, "code": code, "title": code, "detail": f"It is {code}.", **more})


@contextmanager
def scripted_server(*answers: Answer) -> Iterator[ScriptedServer]:
    script = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            server.asked.append(Asked(self.command, self.path, {**self.headers}, self._read_body()))
            answer = script.pop(0)
            body = answer.encoded()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(body) + (10 if answer.cut else 0)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = answer.cut

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def _read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Tests need no log."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = ScriptedServer(f"http://127.0.0.1:{http.server_address[1]}", script)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
