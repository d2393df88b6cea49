"""The only room that knows Ray; it asks Optuna what to try next."""
