"""Privileges: who may do what, GRANT and REVOKE, and the rows of SHOW GRANTS."""
