"""Headless Chromium on this machine only, and the page that it shows."""
from __future__ import annotations

import json
import os
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from harness import PATIENCE_SECONDS, Failed, Play, Process, require

PAGE = Path(__file__).with_name("browser_page.html")
FLAGS = [
    "--headless", "--dump-dom", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-pings",
    # Nothing is asked of anybody but this machine: no proxy, no names, none of the services that a browser has.
    "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-domain-reliability", "--disable-client-side-phishing-detection",
]
# A browser of root's has no sandbox to go into; the pages are ours. Zygotes would be left for init to bury.
SANDBOX = ["--no-sandbox", "--no-zygote"] if os.geteuid() == 0 else []


class Pages:
    """Serves the page, its steps, and takes its reports; each with a deadline."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.reports: queue.Queue[dict[str, Any]] = queue.Queue()
        self.finished = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Pages:
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.finished.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                match self.path:
                    case "/": self.answer(200, "text/html", PAGE.read_bytes())
                    case "/steps": self.answer(200, "application/json", json.dumps(pages.steps).encode())
                    case "/finished":
                        pages.finished.wait(2 * PATIENCE_SECONDS)
                        self.answer(404, "text/plain", b"")
                    case _: self.answer(404, "text/plain", b"")

            def do_POST(self) -> None:
                report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                pages.reports.put(report)
                self.answer(200, "text/plain", b"")
                if report["step"] == "end":
                    pages.finished.set()

            def answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def report(self, step: str) -> Any:
        """The page's next report, which must be of this step."""
        try:
            report = self.reports.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise Failed(f"the page did not report {step}") from None
        require(report["step"] == step and "fault" not in report, f"{step} was to be reported, came {report}")
        return report.get("result")


class Browser:
    """One run: shows a page until it is loaded, prints it, and ends."""

    def __init__(self, play: Play, url: str):
        play.is_apart = True  # so that its many processes end with it
        self.traffic = play.folder / "traffic.json"
        folder = play.folder / "browser"
        command = ["chromium-headless-shell", *FLAGS, *SANDBOX, f"--user-data-dir={folder}",
                   f"--log-net-log={self.traffic}", url]
        self.process: Process = play.spawn("the browser", command, play.folder)
        play.is_apart = False

    def shown(self) -> str:
        """The page as it was at the end."""
        require(self.process.ended(2 * PATIENCE_SECONDS) == 0, f"the browser ended with {self.process.child.returncode}")
        self.require_seclusion()
        return "\n".join(self.process.lines)

    def require_seclusion(self) -> None:
        """It connected to this machine alone, sent no datagram and asked for no name."""
        record = json.loads(self.traffic.read_text())
        names = {number: name for name, number in record["constants"]["logEventTypes"].items()}
        events = [(names[event["type"]], event.get("params", {})) for event in record["events"]]
        targets = {params["address"] for name, params in events if name == "TCP_CONNECT_ATTEMPT" and "address" in params}
        require(bool(targets) and all(target.startswith("127.0.0.1:") for target in targets), f"it dialled {targets}")
        others = {name for name, _ in events} & {"UDP_BYTES_SENT", "HOST_RESOLVER_DNS_TASK", "DNS_TRANSACTION"}
        require(not others, f"the browser asked others: {others}")
