"""The mappings: one file per kind, each with its model and how it is compiled."""
