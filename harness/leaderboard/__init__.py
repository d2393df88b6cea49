"""The leaderboard: one HTML file, a pure function of a run's rows; the only room that knows Plotly."""
