"""The codec endpoint for Temporal's UI: decrypts what people look at, after a login, and records it on ADMIN."""
