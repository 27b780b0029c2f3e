"""Routes with a ``cron``: Temporal's schedules publish an event at each due time, and all else is as for any event."""
