"""What stands around every page: the look, and the sidebar."""
