"""The kit for a real account: whatever ends it, nothing that it has created stays."""
