"""The commands on the account that a stack is deployed to: `doctor`, `image` and `privileges`."""
