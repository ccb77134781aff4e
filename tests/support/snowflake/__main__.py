"""``python -m tests.support.snowflake`` serves on 127.0.0.1, prints ``READY <port>``, ends with its standard input."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
import warnings
from pathlib import Path
from typing import cast

from tests.support.snowflake import missing_modules


def main() -> None:
    """Serve until SIGTERM, SIGINT or the end of standard input."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.snowflake", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--db-path", type=Path, metavar="DIR", help="keep databases as files here (default: in memory)")
    parser.add_argument("--detached-after", type=float, default=300.0, metavar="SECONDS", help="roll back the open "
                        "transaction of a session that has sent nothing for so long (default: 300)")  # fmt: skip
    parser.add_argument("--max-lock-wait", type=float, default=10.0, metavar="SECONDS", help="bound on the sessions' "
                        "LOCK_TIMEOUT (default: 10)")  # fmt: skip
    serve(parser.parse_args())


def serve(options: argparse.Namespace) -> None:
    """Serve with these options."""
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    missing_modules.supply()
    import uvicorn

    from tests.support.snowflake import corrections
    from tests.support.snowflake.account import Account
    from tests.support.snowflake.server import Server

    for name in ("fakesnow.server", "sqlglot"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if options.db_path:
        options.db_path.mkdir(parents=True, exist_ok=True)
    account = Account(options.db_path, options.max_lock_wait)
    corrections.install(account)
    listener = socket.create_server(("127.0.0.1", options.port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # answers go out in two pieces
    server = uvicorn.Server(uvicorn.Config(Server().application(), log_level="critical", timeout_graceful_shutdown=1))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    serving = threading.Thread(target=server.run, args=([listener],), daemon=True)
    serving.start()
    threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    print("READY", listener.getsockname()[1], flush=True)
    _watch(stop, options.detached_after)
    server.should_exit = True
    serving.join(5)
    account.close()


def _watch(stop: threading.Event, detached_after_seconds: float) -> None:
    """Abort detached transactions until told to stop."""
    from fakesnow.server import sessions

    from tests.support.snowflake.session import Session

    while not stop.wait(min(0.1, detached_after_seconds / 4)):
        for session in list(sessions.values()):
            cast(Session, session).abort_if_detached(detached_after_seconds)


def _wait_for_end_of_input(stop: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    stop.set()


if __name__ == "__main__":
    main()
