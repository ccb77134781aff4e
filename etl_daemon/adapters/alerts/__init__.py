"""Alerts on their way out: what is due, the thread that sends it, and the channels."""
