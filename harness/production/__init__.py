"""What an office runs: bundles and predictions. It knows no Ray, no Plotly and no run folder."""
