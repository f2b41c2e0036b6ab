"""Acting: each task that changes something, or decides."""
