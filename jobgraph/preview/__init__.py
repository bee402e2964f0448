"""Summaries of a `pulumi preview` for reviewers."""
