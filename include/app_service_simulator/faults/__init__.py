"""How Azure misbehaves, on order: `kinds` says in which ways, `fault` what can be ordered, `orders` which call meets
which fault, and `acting` what then happens to the call."""
