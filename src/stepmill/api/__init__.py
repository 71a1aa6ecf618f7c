"""The HTTP api: one file per resource, put together by ``application.create_api`` from parts given to it."""
