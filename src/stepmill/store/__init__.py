"""The platform's own records: environments, areas, files and plans, on the documents gateway."""
