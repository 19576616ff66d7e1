"""The report as one file for a browser: words, tables and the dashboard's pictures, which stay interactive without a network."""
