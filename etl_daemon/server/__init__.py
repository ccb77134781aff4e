"""What the daemon tells over HTTP, from values at hand: nothing is asked of a dependency."""

from etl_daemon.server.listener import Listener
from etl_daemon.server.pages import Answer, pages
from etl_daemon.server.sight import Sight
from etl_daemon.server.site import site

__all__ = ["Answer", "Listener", "Sight", "pages", "site"]
