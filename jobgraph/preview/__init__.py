"""What a `pulumi preview` changes, as a reviewer wants to read it."""
