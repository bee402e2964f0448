"""What the official plugin writes to a stack's state besides the values of an object: Pulumi's Terraform bridge.

Knows the forms of inputs and outputs in a state. Must not know statements or connections. The official plugin and the
stand-in can therefore use each other's states.
"""
