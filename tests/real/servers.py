# SPDX-License-Identifier: MIT
"""A server of the tests' own, for programs that show who they are."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer


class Asked(HTTPServer):
    """A server that wants to know who asks; ``headers`` are what it was told."""

    def __init__(self) -> None:
        self.headers: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Asked)
        told = self.headers.get("Authorization", "")
        self.server.headers.append(told)
        self.send_response(200 if told else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PROPFIND = do_GET  # noqa: N815 # as http.server names it

    def log_message(self, *_: object) -> None:
        pass
