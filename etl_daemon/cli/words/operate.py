"""The words for operators: quarantine, audit, backfill, explain; each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from etl_daemon.cli import completion
from etl_daemon.cli.options import Json, taking
from etl_daemon.cli.options.operate import (
    AuditOptions,
    BackfillOptions,
    DiscardOptions,
    ExportOptions,
    ListOptions,
    ReplayOptions,
    UploadOptions,
)


def _list(options: ListOptions) -> None:
    """List rejected rows, the latest first, or refused objects."""
    from etl_daemon.cli.quarantine import listing

    listing(options)


def _show(
    row: Annotated[str, typer.Argument(metavar="ID", help="The row's id, or enough of its beginning.")],
    json: Json = False,
) -> None:
    """Show one rejected row: its text in full, and what each reason means."""
    from etl_daemon.cli.quarantine import show

    show(row, as_json=json)


def _export(options: ExportOptions) -> None:
    """Write rejected rows to a file."""
    from etl_daemon.cli.quarantine.export import export

    export(options)


def _replay(options: ReplayOptions) -> None:
    """Try rejected rows, or refused objects, again: after a setting has changed."""
    from etl_daemon.cli.quarantine.replay import replay

    replay(options)


def _discard(options: DiscardOptions) -> None:
    """Mark rejected rows as done with; they stay in the quarantine, with who did it in the audit log."""
    from etl_daemon.cli.quarantine.discard import discard

    discard(options)


def _audit(options: AuditOptions) -> None:
    """Compare source, ledger and target, both ways; ends with 1 where they do not agree."""
    from etl_daemon.cli.audit import audit

    audit(options)


def _backfill(options: BackfillOptions) -> None:
    """Load older objects on purpose, beside the daemon; run again, it goes on where it was."""
    from etl_daemon.cli.backfill import backfill

    backfill(options)


def _upload(options: UploadOptions) -> None:
    """Put local files where the daemon finds them; --wait tells what became of them."""
    from etl_daemon.cli.upload import upload

    upload(options)


def _explain(
    code: Annotated[str, typer.Argument(metavar="REASON", autocompletion=completion.reasons, help="A reason code.")],
    json: Json = False,
) -> None:
    """Say what a reason code means, and what to do about it."""
    from etl_daemon.cli.explain import explain

    explain(code, as_json=json)


def add(app: typer.Typer) -> None:
    """Give the application these words."""
    quarantine = typer.Typer(no_args_is_help=True, help="Rejected rows and refused objects: look, try again, let go.")
    quarantine.command("list")(taking(ListOptions, _list))
    quarantine.command("show")(_show)
    quarantine.command("export")(taking(ExportOptions, _export))
    quarantine.command("replay")(taking(ReplayOptions, _replay))
    quarantine.command("discard")(taking(DiscardOptions, _discard))
    app.add_typer(quarantine, name="quarantine")
    app.command("audit")(taking(AuditOptions, _audit))
    app.command("backfill")(taking(BackfillOptions, _backfill))
    app.command("upload")(taking(UploadOptions, _upload))
    app.command("explain")(_explain)
