"""Where people answer who have no key of their own: Slack's buttons, signed posts, and links in mails."""
