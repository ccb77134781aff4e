"""What the queue has brought and is not settled yet."""

from etl_daemon.inbox.inbox import Inbox, Patience
from etl_daemon.inbox.stop import Stop

__all__ = ["Inbox", "Patience", "Stop"]
