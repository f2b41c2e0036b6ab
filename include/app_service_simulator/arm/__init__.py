"""Azure Resource Manager: what answers under `/subscriptions`."""
