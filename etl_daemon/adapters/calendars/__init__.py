"""Calendars of exchanges."""
