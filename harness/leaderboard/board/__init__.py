"""The leaderboard itself: a table of models, and all trials."""
