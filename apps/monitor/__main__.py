"""The monitor on a machine of its own, with nothing but the network file and a folder.

    python -m apps.monitor --network network.json --state monitor/ --webhook https://… --metrics 9101

With `--once` it looks once, says what is wrong, and ends: exit code 0 nothing, 1 something, 2 it cannot look.
The webhook's secret stands in MONITOR_WEBHOOK_SECRET.
"""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from apps.monitor import metrics
from apps.monitor.alerts import Alert
from apps.monitor.checks import Limits
from apps.monitor.file_store import FileStore, UnreadableMemory
from apps.monitor.memory import Memory
from apps.monitor.reading import Reader
from apps.monitor.running import Running
from apps.monitor.watch import Watch
from apps.monitor.webhook import Webhook
from apps.network.errors import NetworkFileInvalid

NOTHING, SOMETHING, UNABLE = 0, 1, 2


class Store(FileStore):
    """A folder that also keeps the latest memory in reach of the metrics."""

    latest = Memory()

    def save(self, memory: Memory) -> None:
        super().save(memory)
        self.latest = memory


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one run."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    store, server = Store(options.state), None
    running = Running(options.network, lambda reader: _watch(reader, store, options), beacon_url=options.beacon)
    try:
        if options.once:
            return _say(running.look())
        if options.metrics:
            server = _serve(options.metrics, store)
        running.keep_looking(_stop_on_signals(), options.seconds)
    except (NetworkFileInvalid, UnreadableMemory, OSError) as problem:
        print(problem, file=sys.stderr)
        return UNABLE
    finally:
        running.close()
        if server is not None:
            server.shutdown()
            server.server_close()
    return NOTHING


def _parser() -> argparse.ArgumentParser:
    limits = Limits()
    parser = argparse.ArgumentParser(prog="python -m apps.monitor", description="Watches a network from outside.")
    parser.add_argument("--network", type=Path, required=True, help="the network file")
    parser.add_argument("--beacon", help="address of the beacon, instead of the network file's")
    parser.add_argument("--state", type=Path, default=Path("monitor"), help="folder of its memory and of evidence")
    parser.add_argument("--once", action="store_true", help="look once, say what is wrong, and end")
    parser.add_argument("--seconds", type=float, default=10, help="between two looks")
    parser.add_argument("--webhook", metavar="URL", help="where alerts are sent")
    parser.add_argument("--metrics", type=int, metavar="PORT", help="port of 127.0.0.1 where Prometheus may ask")
    parser.add_argument("--silence", type=int, default=limits.silence, help="seconds without a block")
    parser.add_argument("--late-crosslink", type=int, default=limits.late_crosslink, help="seconds until one is late")
    parser.add_argument(
        "--missing-crosslink", type=int, default=limits.missing_crosslink, help="seconds until one is missed"
    )
    return parser


def _watch(reader: Reader, store: Store, options: argparse.Namespace) -> Watch:
    secret = os.environ.get("MONITOR_WEBHOOK_SECRET", "").encode()
    webhook = Webhook(options.webhook, secret, clock=time.time) if options.webhook else None
    limits = Limits(options.silence, options.late_crosslink, options.missing_crosslink)
    return Watch(reader, store, clock=time.time, limits=limits, webhook=webhook)


def _say(alerts: Sequence[Alert]) -> int:
    is_open = [alert for alert in alerts if alert.is_open]
    for alert in is_open:
        print(f"{alert.kind}: {alert.sentence}" + (f" ({alert.evidence}.json)" if alert.evidence else ""))
    return SOMETHING if is_open else NOTHING


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _serve(port: int, store: Store) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/metrics"
            body = metrics.render(store.latest.alerts, store.latest.measures) if found else b"only /metrics\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", metrics.MEDIA_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    sys.exit(main())
