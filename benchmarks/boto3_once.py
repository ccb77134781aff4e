"""`etl-daemon` with one change: an object is fetched by boto3, whose client everybody begins with."""

from __future__ import annotations

from etl_daemon.adapters.s3 import source
from etl_daemon.cli import main
from etl_daemon.core.model import ObjectRef


class Boto3Source(source.S3Source):
    """One GET after the other, if MAX_CONCURRENT_JOBS is 1."""

    def fetch(self, ref: ObjectRef) -> memoryview:
        answer = self._clients.boto.get_object(Bucket=ref.bucket, Key=ref.key, IfMatch=f'"{ref.etag}"')
        return memoryview(answer["Body"].read())


if __name__ == "__main__":
    source.S3Source = Boto3Source  # type: ignore[misc]
    main()
