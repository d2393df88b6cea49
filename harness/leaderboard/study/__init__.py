"""The page of a study, and what a run's page says of one."""
