"""`make bench-judge`: our judge and the rivals' rules, on the same simulated releases."""
