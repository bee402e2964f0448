"""The rules as a pack of Pulumi's policies, in an environment of its own."""
