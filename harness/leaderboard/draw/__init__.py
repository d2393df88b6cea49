"""Numbers become panels: a Plotly figure as JSON, its words, and its table. One file a figure."""
