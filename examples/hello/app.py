"""A small web application without dependencies: says its version and how it is."""

import http.server
import os
import signal
import sys

VERSION = "1"

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hello from Plimsoll</title>
<style>
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center;
         font: 16px/1.5 system-ui, sans-serif; background: #020617; color: #e2e8f0 }}
  svg {{ width: 96px; stroke: #22d3ee; fill: none; stroke-width: 6 }}
  main {{ text-align: center }}
</style>
<main>
  <svg viewBox="0 0 100 100" role="img" aria-label="Plimsoll mark">
    <circle cx="50" cy="50" r="30"/><path d="M5 50h90"/>
  </svg>
  <h1>Loaded safely</h1>
  <p>This is version {version}.</p>
</main>
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, "text/plain", "ok\n")
        else:
            self.answer(200, "text/html; charset=utf-8", PAGE.format(version=VERSION))

    def answer(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("PORT", "8000"))
    http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
