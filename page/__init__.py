"""The operators' page: a Streamlit app, shown here by `jobgraph page` or in Snowflake. Holds no rule of its own."""
