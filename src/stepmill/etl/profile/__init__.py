"""Profiles of sources: what every value of every column says, gathered in one pass over the file."""

from stepmill.etl.profile.model import CandidateFacts, ColumnProfile, SourceProfile
from stepmill.etl.profile.source import profile_source

__all__ = ["CandidateFacts", "ColumnProfile", "SourceProfile", "profile_source"]
