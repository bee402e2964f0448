"""The commands on the account that a stack is deployed to: what it has to give, and whether it does."""
