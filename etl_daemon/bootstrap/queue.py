"""The queue of S3 events, as the settings have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from etl_daemon.adapters.sqs.queue import Place, SqsQueue, Standing
from etl_daemon.config import Settings
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Event
from etl_daemon.core.messages import Written
from etl_daemon.core.planning.discovery import below
from etl_daemon.inbox import Inbox, Patience, Stop


def inbox(settings: Settings, datasets: Sequence[Dataset], tell: Callable[[Event], None], stop: Stop) -> Inbox:
    """What attends to the queue within its context. Nothing is asked of it yet.

    Raises:
        SetupError, ConfigError: the settings of AWS are wrong.
    """

    def wanted(written: Written) -> list[str]:
        ours = written.bucket == settings.s3_bucket
        return [each.name for each in datasets if ours and below(each.prefix, written.key)]

    patience = Patience(settings.etl_events_visibility_seconds, gather=settings.etl_events_gather_seconds)
    return Inbox(_queue(settings), wanted, tell, stop, patience)


def standing(settings: Settings) -> Standing:
    """What the queue says of itself.

    Raises:
        SetupError, ConfigError: it is not there, or not for us to ask.
        TransientError: it did not answer.
    """
    with closing(_queue(settings)) as queue:
        return queue.standing()


def _queue(settings: Settings) -> SqsQueue:
    place = Place(settings.etl_events_queue_url or "", settings.etl_events_dlq_url or "", settings.s3_region)
    return SqsQueue(place, settings.etl_events_visibility_seconds)
