"""GET_DDL: objects written as the statements that would make them again."""
