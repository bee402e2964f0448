"""Control statements: reading them, and CREATE, ALTER, DROP, DESCRIBE and SHOW for every kind of object."""
