"""The numbers behind the figures: plain frozen values, ready to draw; nothing here knows Plotly."""
