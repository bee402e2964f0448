"""The commands on the account that a stack is deployed to: the privileges that it has to grant, and whether it does."""
