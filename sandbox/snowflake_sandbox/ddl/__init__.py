"""GET_DDL: objects as the statements that would create them."""
