"""Listen for StatsD lines on UDP 9125; answer on HTTP 9102 with the names seen, one a line."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

names: set[str] = set()


class Names(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write("".join(f"{name}\n" for name in sorted(names)).encode())

    def log_message(self, *_):
        """Say nothing."""


def listen():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
        inbox.bind(("0.0.0.0", 9125))
        while True:
            for line in inbox.recv(65535).decode(errors="replace").splitlines():
                names.add(line.partition(":")[0])


threading.Thread(target=listen, daemon=True).start()
HTTPServer(("0.0.0.0", 9102), Names).serve_forever()
