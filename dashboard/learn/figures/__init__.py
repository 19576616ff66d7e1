"""The pictures of the lessons, without Streamlit."""
