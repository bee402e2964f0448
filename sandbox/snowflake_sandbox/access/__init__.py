"""Privileges: the checks, GRANT and REVOKE, and the rows of SHOW GRANTS."""
