"""Alerts: recorded from the log, delivered to the notify service."""
