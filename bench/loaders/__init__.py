"""Other loaders that Stepmill is compared with; each file is run in ``.venv-bench``."""
