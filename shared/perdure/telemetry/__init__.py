"""The traces and logs of a process."""
