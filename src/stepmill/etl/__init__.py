"""Extract, transform, load: readers, the transform plan and its compiler, the loader."""
