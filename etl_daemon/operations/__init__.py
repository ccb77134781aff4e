"""What operators have done beside the daemon: replay, reload, backfill, audit. Each has a cursor of its own."""
