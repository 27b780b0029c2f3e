"""Whatever bytes a publisher or a bot can send, and what must have become of them."""
