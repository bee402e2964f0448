"""The rules as a Pulumi policy pack, with its own Python environment."""
