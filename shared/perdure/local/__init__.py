"""The embedded servers, and the supervisor that keeps a whole suite running on one machine."""
