"""What a process tells of itself: traces and logs."""
