"""Decisions of people without a key of their own: Slack buttons, signed webhook posts, and links in mails."""
