"""The record as others read it: from the audit database or from an export, without the audit service."""
