"""What the official plugin writes into a stack's state, beyond the values of an object: Pulumi's Terraform bridge.

Knows the forms of inputs and outputs in a state. Must not know statements or connections. So a state of the official
plugin is a state of the stand-in, and the other way round.
"""
