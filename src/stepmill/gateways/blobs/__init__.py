"""Blob storage: uploaded files and artifacts, in a local folder or any storage that fsspec knows."""

from stepmill.gateways.blobs.blobs import BlobLocation, Blobs, Stored

__all__ = ["BlobLocation", "Blobs", "Stored"]
