"""What a target has in AWS and Snowflake, step by step, so that nothing stays that costs money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from etl_daemon.adapters.local.daemon import running
from etl_daemon.bootstrap.destination import open_engine
from etl_daemon.config import Settings
from etl_daemon.core.teardown import BILLED, BUCKET, Resource, Stack, Step, drops
from etl_daemon.errors import BusyError, ConfigError

if TYPE_CHECKING:
    from etl_daemon.adapters.cloudformation.stacks import Stacks


@contextmanager
def steps(settings: Settings, prefix: str) -> Iterator[list[Step]]:
    """What there is to take away, in order; nothing is changed before a step acts.

    Raises:
        BusyError: the daemon of this target runs on this machine.
        TransientError, SetupError, ConfigError: AWS did not answer as it should.
    """
    if running(settings):
        raise BusyError("The daemon runs.", hint="stop it first: systemctl stop etl-pipeline")
    with ExitStack() as open_things:
        found: list[Step] = []
        if settings.etl_destination == "snowflake":
            found += _snowflake(settings, open_things)
        if settings.etl_source == "s3":
            found += _aws(settings, prefix, open_things)
        yield found


def _snowflake(settings: Settings, open_things: ExitStack) -> Iterator[Step]:
    engine = open_things.enter_context(closing(open_engine(settings)))

    def drop(statement: str) -> str:
        with engine.session() as session:
            session.run(statement)
        return "dropped"

    for kind, name, statement in drops(settings.snowflake_database):
        more = " with all data" if kind == "DATABASE" else ""
        yield Step(f"snowflake {kind.lower()}", f"{name}{more}", partial(drop, statement))


def _aws(settings: Settings, prefix: str, open_things: ExitStack) -> Iterator[Step]:
    from etl_daemon.adapters.cloudformation.stacks import Stacks

    stacks = open_things.enter_context(closing(Stacks(settings.s3_region, settings.etl_timeout)))
    ours = stacks.ours(prefix)
    _require_own(ours, prefix, settings.s3_bucket or "")
    yield from (Step("aws stack", each.name, partial(stacks.delete, each)) for each in ours if not each.gone)
    left = {resource: each.name for each in ours for resource in each.resources if stacks.remaining(resource)}

    for resource, stack in left.items():
        what = f"{resource.id} of {stack}: {BILLED[resource.type]}"
        yield Step(f"aws {resource.type.split('::')[1].lower()}", what, partial(_removed, stacks, resource))


def _require_own(ours: Sequence[Stack], prefix: str, bucket: str) -> None:
    """Another target may have stacks in the account, too."""
    made = {each.id: stack.name for stack in ours for each in stack.resources if each.type == BUCKET and not stack.gone}
    if foreign := [f"{name} of {stack}" for name, stack in made.items() if name != bucket]:
        raise ConfigError(
            f"The stacks {prefix}... have another bucket than S3_BUCKET={bucket}: {', '.join(foreign)}.",
            hint="name the stacks of this target: --stacks etl-dev-",
        )


def _removed(stacks: Stacks, resource: Resource) -> str:
    """Not all that a stack made outlives it."""
    return stacks.remove(resource) if stacks.remaining(resource) else "went with its stack"
