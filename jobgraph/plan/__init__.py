"""What is to be deployed, as data: names, SQL texts, specifications, privileges, history tables."""
