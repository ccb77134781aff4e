#!/usr/bin/env python3
"""One cycle, for cron: `etl-daemon once` under its documented name; takes the same options."""

import sys

from etl_daemon.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "once")
    main()
