"""Tables and stages: columns, ALTER TABLE, COPY INTO, and the files in stages."""
