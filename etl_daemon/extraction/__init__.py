"""From databases and APIs into the bucket, each row once, before the corridor takes them from there."""

from etl_daemon.extraction.bucket import Bucket, Put

__all__ = ["Bucket", "Put"]
