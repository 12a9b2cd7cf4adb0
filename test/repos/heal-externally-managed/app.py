import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from greeting import TEXT


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"<!doctype html><title>heals a managed Python</title><h1>{TEXT}</h1>".encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


port = int(os.environ.get("PORT", "3000"))
print(f"listening on {port}", flush=True)
HTTPServer(("127.0.0.1", port), Page).serve_forever()
