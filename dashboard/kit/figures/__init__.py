"""Figures and parts of figures that every trade draws with, without Streamlit."""
