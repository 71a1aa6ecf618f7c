"""The job types: one module each, found by being here. Each gives one `JOB_TYPE`."""
