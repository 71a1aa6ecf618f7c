"""Documents: small JSON records with a version, by tenant, environment and collection."""

from stepmill.gateways.documents.port import JSON, Collection, Document, Documents, Totals

__all__ = ["JSON", "Collection", "Document", "Documents", "Totals"]
