"""Whether something is at work at all."""

from __future__ import annotations

from etl_daemon.core.findings import Finding, State
from etl_daemon.core.monitor.seen import NEVER, Answer, Limits, Seen, instant, spoken
from etl_daemon.core.status.history import Mark

WAITING = "waiting_for_lease"
PASSING = {"starting", "draining"}
"""Why a daemon is not ready where nothing is wrong."""

RESTART = "systemctl status etl-pipeline, then systemctl restart etl-pipeline"
LOOK = (
    "see systemctl status etl-pipeline etl-pipeline-once.timer, or etl-cron.log of cron; ETL_STATE_DIR and "
    "ETL_DAEMON_NAME must be those of the process that loads; then etl-daemon check"
)


def process(seen: Seen, limits: Limits) -> Finding:
    """By what the daemon answers; where none answers or is meant to, by what went well lately."""
    if seen.answer:
        return _answered(seen.answer, seen.address)
    if waiting := stands_by(seen, limits):
        return Finding("process", State.OK, waiting)
    if seen.address and seen.process and _meant_to_run(seen):
        who = f"The daemon with process id {seen.process.pid}, started at {instant(seen.process.started)},"
        return Finding("process", State.FAIL, f"{who} does not answer at {seen.address}.", RESTART)
    return _by_history(seen, limits)


def stands_by(seen: Seen, limits: Limits) -> str:
    """Who works instead; empty: it is this one's turn."""
    if seen.answer:
        return next((reason.detail for reason in seen.answer.reasons if reason.reason == WAITING), "")
    waited = seen.last("", Mark.WAITED)
    lasting = _meant_to_run(seen) and not seen.address
    if waited <= seen.any_alive or (seen.now - waited > limits.late and not lasting):
        return ""
    return f"It stands by since {instant(waited)}: another process has the lease."


def _meant_to_run(seen: Seen) -> bool:
    """Whether the last process here was a daemon that nobody has ended."""
    return seen.process is not None and seen.process.word == "run" and seen.process.ended is None


def _answered(answer: Answer, address: str) -> Finding:
    said = " ".join(f"{reason.reason}: {reason.detail}" for reason in answer.reasons)
    if not answer.live:
        return Finding("process", State.FAIL, f"The daemon at {address} hangs. {said}".strip(), RESTART)
    if answer.ready:
        return Finding("process", State.OK, f"The daemon at {address} works.")
    codes = {reason.reason for reason in answer.reasons}
    if codes == {WAITING}:
        return Finding("process", State.OK, f"The daemon at {address} stands by. {said}".strip())
    state = State.WARN if codes and codes <= PASSING else State.FAIL
    return Finding("process", state, f"The daemon at {address} cannot work now. {said}".strip(), "etl-daemon check")


def _by_history(seen: Seen, limits: Limits) -> Finding:
    life = seen.any_alive
    if life == NEVER:
        return Finding("process", State.FAIL, "No cycle is known to have gone well here yet.", LOOK)
    ago = spoken(seen.now - life)
    if seen.now - life <= limits.late:
        return Finding("process", State.OK, f"The last cycle went well {ago} ago.")
    due = f"one is due every {limits.patience.poll_seconds:g} seconds (ETL_POLL_INTERVAL_SECONDS)"
    return Finding("process", State.FAIL, f"No cycle has gone well for {ago}, since {instant(life)}; {due}.", LOOK)
