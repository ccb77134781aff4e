"""``python -m etl_daemon`` is ``etl-daemon``."""

from etl_daemon.cli import main

if __name__ == "__main__":
    main()
