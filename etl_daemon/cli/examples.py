"""What the help of each command ends with: what to type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

EXAMPLES: Mapping[str, Sequence[str]] = {
    "demo": ("etl-daemon demo", "etl-daemon demo --serve --dir ~/etl-demo"),
    "once": (
        "etl-daemon once",
        "etl-daemon once --dataset price_data --since 48 --json",
        """etl-daemon once --obj '{"price_data": "FULL"}' --force""",
    ),
    "plan": ("etl-daemon plan", "etl-daemon plan --dataset price_data --since 48"),
    "run": ("etl-daemon run", "ETL_CONFIG_FILE=/etc/etl-pipeline/etl-config.env etl-daemon run"),
    "check": ("etl-daemon check", "etl-daemon check --alerts", "etl-daemon check --json | jq .ok"),
    "monitor": ("etl-daemon monitor", "etl-daemon monitor --json | jq .ok"),
    "init": ("etl-daemon init", "etl-daemon init --print > tables.sql"),
    "status": ("etl-daemon status", "etl-daemon status --watch", "etl-daemon status --json | jq .datasets"),
    "validate": (
        "etl-daemon validate trades.csv --dataset price_data",
        "etl-daemon validate *.csv --dataset price_data --map ticker=SYMBOL --rejects bad.csv",
    ),
    "audit": ("etl-daemon audit --since 30d", "etl-daemon audit --dataset price_data --json | jq .ok"),
    "backfill": ("etl-daemon backfill --dataset price_data --since 2024-01-01 --until 2025-01-01",),
    "upload": (
        "etl-daemon upload trades.csv --dataset price_data --check --wait",
        "zcat big.csv.gz | etl-daemon upload - --name big.csv --dataset price_data",
    ),
    "explain": ("etl-daemon explain ohlc_relation", "etl-daemon explain too_large --json"),
    "verify": ("etl-daemon verify", "etl-daemon verify --target prod --since 7d --json"),
    "report": (
        "etl-daemon report",
        "etl-daemon report --since 7d --html quality.html",
        "etl-daemon report --since 2026-01-01 --until 2026-02-01 --dataset price_data --csv january.csv",
    ),
    "teardown": ("etl-daemon teardown --target dev", "etl-daemon teardown --target dev --yes"),
    "quarantine list": (
        "etl-daemon quarantine list --reason symbol_format --since 14d",
        "etl-daemon quarantine list --objects",
    ),
    "quarantine show": ("etl-daemon quarantine show 4a4dfc4778",),
    "quarantine export": ("etl-daemon quarantine export bad.parquet --dataset price_data",),
    "quarantine replay": (
        "etl-daemon quarantine replay --reason symbol_format --dry-run",
        "etl-daemon quarantine replay --refused",
    ),
    "quarantine discard": ("etl-daemon quarantine discard --reason undecodable --until 30d",),
    "extract sql": ("etl-daemon extract sql --dataset orders --load", "etl-daemon extract sql --full"),
    "extract api": ("etl-daemon extract api", "etl-daemon extract api --dataset rates --load --json"),
    "models run": ("etl-daemon models run", "etl-daemon models run --no-alerts --json"),
    "models test": ("etl-daemon models test", "etl-daemon models test --json | jq .ok"),
}
"""By the words of the command."""


def give(app: typer.Typer, before: str = "") -> None:
    """Have the help of every command of the application end with its examples."""
    for command in app.registered_commands:
        lines = EXAMPLES.get(f"{before}{command.name}", ())
        command.epilog = "\n\n".join(("Examples:", *lines))  # typer makes one line break of two
    for group in app.registered_groups:
        if group.typer_instance:
            give(group.typer_instance, f"{before}{group.name} ")
