"""The parts of an address, named as the contract names them."""

from typing import Annotated

from fastapi import Path

JobId = Annotated[str, Path(alias="jobId", description="The job.")]
AreaId = Annotated[str, Path(alias="areaId", description="The file area.")]
FileId = Annotated[str, Path(alias="fileId", description="The file.")]
PhysId = Annotated[str, Path(alias="physId", description="The physical table.")]
LoadId = Annotated[str, Path(alias="loadId", description="The load.")]
Version = Annotated[int, Path(alias="version", ge=1, le=999_999_999, description="The plan's version.")]
EnvId = Annotated[str, Path(alias="envId", description="The environment.")]
